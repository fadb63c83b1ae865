"""Signs as SignalWire, and checks Telnyx' signatures, with their own libraries."""

import importlib.util
import json
import sys

from signalwire.request_validator import RequestValidator


def signalwire(key, url, fields):
    return RequestValidator(key).build_signature_with_compatibility(url, fields)


def telnyx(body, signature, time, key):
    # The package itself needs its REST client; the check does not.
    folder = importlib.util.find_spec("telnyx").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("check", f"{folder}/lib/webhook_verification.py")
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    headers = {check.SIGNATURE_HEADER: signature, check.TIMESTAMP_HEADER: time}
    try:
        check.verify_webhook_signature(body, headers, key)
    except check.WebhookVerificationError:
        return "bad"
    return "good"


print(globals()[sys.argv[1]](*json.loads(sys.argv[2])))
