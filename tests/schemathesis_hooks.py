"""What a good request needs beyond its schema: JSON Schema can't say which numbers are possible,
which texts can be sent, or what depends on the credential and on what the user has registered."""

import base64
import hashlib
import hmac

import schemathesis


@schemathesis.deserializer("text/xml", "application/voicexml+xml")
def document(context, response):
    return response.text


def sign(case):
    """Signs a reported call as Twilio does."""
    fields = case.body
    if not isinstance(fields, dict) or not all(isinstance(text, str) for text in fields.values()):
        return
    path = case.operation.path.format(**case.path_parameters)
    signed = "https://login.example.com" + path
    signed += "".join(name + fields[name] for name in sorted(fields))
    digest = hmac.digest(b"a token of the account", signed.encode(), hashlib.sha1)
    case.headers["X-Twilio-Signature"] = base64.b64encode(digest).decode()


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    if not case.meta or not case.meta.generation.mode.is_positive or not isinstance(body, dict):
        return
    if case.operation.path.startswith("/voice/v1/"):
        if "callid" in body:
            # A VoiceXML browser sends it. Anna calls.
            case.path_parameters["name"] = "ivr"
            body["caller"] = "tel:+41791234567"
        else:
            sign(case)
        return
    if body.get("phone") is not None:
        body["phone"] = "+41791234567"
    # It fits a text message and a phone's screen.
    for text in ("message", "prompt"):
        if body.get(text) is not None:
            body[text] = "Pay CHF 100: {{CODE}}"
    if case.operation.path == "/api/v1/approval":
        # An access key says nothing of whom to ask. Anna has a phone and authenticators; nothing
        # is set up to notify them.
        body["username"] = "anna.muster"
        if body.get("channel") in (None, "push"):
            body["channel"] = "app"
        for field in ("userId", "authenticatorId"):
            body.pop(field, None)
