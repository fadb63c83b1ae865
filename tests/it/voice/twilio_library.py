"""Signs requests, and writes documents, with Twilio's own library."""

import json
import sys

from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Gather, VoiceResponse


def sign(token, url, fields):
    return RequestValidator(token).compute_signature(url, fields)


def code(language, first, again):
    response = VoiceResponse()
    response.pause(length=1)
    response.say(first, language=language)
    response.pause(length=1)
    response.say(again, language=language)
    response.hangup()
    return str(response)


def refusal(language, text):
    response = VoiceResponse()
    response.say(text, language=language)
    response.hangup()
    return str(response)


def rejection():
    response = VoiceResponse()
    response.reject(reason="rejected")
    return str(response)


def ask_pin(language, text, url):
    response = VoiceResponse()
    gather = Gather(
        input="dtmf",
        num_digits=32,
        finish_on_key="#",
        timeout=8,
        action=url,
        method="POST",
        action_on_empty_result=True,
    )
    gather.say(text, language=language)
    response.append(gather)
    return str(response)


print(globals()[sys.argv[1]](*json.loads(sys.argv[2])))
