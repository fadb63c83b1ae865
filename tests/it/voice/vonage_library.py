"""Judges tokens and call control objects with Vonage's own libraries."""

import json
import sys

from vonage_jwt import VonageVerifyJwtError, verify_signature
from vonage_voice.models import AnswerWebhook, Input, Talk, Wait


def verify(token, secret):
    try:
        return "good" if verify_signature(token, secret) else "bad"
    except VonageVerifyJwtError:
        return "bad"


def check(document):
    kinds = {"input": Input, "talk": Talk, "wait": Wait}
    for action in json.loads(document):
        model = kinds[action["action"]]
        # Members that the model does not know would be dropped.
        known = model.model_validate(action, strict=False).model_dump(mode="json", exclude_unset=True)
        assert known == action, (known, action)
    return "good"


def webhook(body):
    return AnswerWebhook.model_validate_json(body).from_


print(globals()[sys.argv[1]](*json.loads(sys.argv[2])))
