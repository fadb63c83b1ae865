"""Asks dialpass for the code of a caller of Amazon Connect.

Returns a flat map of strings, as a flow with STRING_MAP wants it: "result" is "told" or "refused".
Environment: DIALPASS_URL (https://host:port), DIALPASS_USER and DIALPASS_PASSWORD (basic
authentication of the tenant's client); SSL_CERT_FILE if the server's CA is not a public one.
"""

import os
from base64 import b64encode
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

URL = os.environ["DIALPASS_URL"] + "/api/authentication/getOTP"
CREDENTIAL = f"{os.environ['DIALPASS_USER']}:{os.environ['DIALPASS_PASSWORD']}"
HEADERS = {
    "Accept": "text/plain",
    "Authorization": "Basic " + b64encode(CREDENTIAL.encode()).decode(),
}
SECONDS = 5


def lambda_handler(event, context):
    call = event["Details"]["ContactData"]
    caller = (call.get("CustomerEndpoint") or {}).get("Address") or "anonymous"
    # urlencode escapes whatever a caller wrote into the number.
    form = urlencode({"phonenumber": caller, "callid": call["ContactId"]})
    request = Request(URL, data=form.encode(), headers=HEADERS)
    try:
        with urlopen(request, timeout=SECONDS) as response:
            code = response.read().decode()
    except HTTPError as refusal:
        print(f"refused with {refusal.code}, request id {refusal.headers['X-Request-Id']}")
        return {"result": "refused"}
    except OSError as error:
        print(f"no answer: {error}")
        return {"result": "refused"}
    return {"result": "told", "code": code, "spoken": ", ".join(code)}
