"""Reads a push message as a browser and its push service would: the sender's signature (VAPID,
RFC 8292) by py-vapid, the message (RFC 8291) by http-ece. Says no by an exception."""

import base64
import json
import sys

import http_ece
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from py_vapid import Vapid02


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


question = json.load(sys.stdin)

scheme, _, parameters = question["authorization"].partition(" ")
assert scheme.lower() == "vapid", scheme
parameters = dict(part.strip().split("=", 1) for part in parameters.split(","))
token, key = parameters["t"], parameters["k"]
signed, _, signature = token.rpartition(".")
header, claims = (json.loads(decoded(part)) for part in signed.split("."))
assert header["alg"] == "ES256", header
assert len(decoded(signature)) == 64, "a raw signature"
signer = Vapid02.from_raw_public(key.encode())
assert signer.verify_token(signed.encode(), signature), "the signature is wrong"

message = http_ece.decrypt(
    decoded(question["body"]),
    private_key=load_pem_private_key(question["private_key"].encode(), None),
    auth_secret=decoded(question["auth"]),
    version="aes128gcm",
)
json.dump({"key": key, "claims": claims, "message": message.decode()}, sys.stdout)
