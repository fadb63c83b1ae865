"""Calls the server through a client that was generated from its API description, in the working
directory. Arguments: the server's URL, an access key, the name of a user with a verified phone."""

import base64
import sys

from dialpass import AuthenticatedClient, Client
from dialpass import models
from dialpass.api.authentication_cloud import (
    approval,
    delete_user,
    enroll,
    intent,
    introspect,
    ping,
    status,
    user_by_id,
    user_by_name,
    verification,
)
from dialpass.api.called_in_codes import get_otp, get_otp_by_post, otp_token_auth, validate_otp

url, key, name = sys.argv[1:]
basic = base64.b64encode(b"pbx:pbx-secret").decode()
strict = {"base_url": url, "raise_on_unexpected_status": True}
backend = AuthenticatedClient(token=key, **strict)
phones = AuthenticatedClient(token=basic, prefix="Basic", headers={"tenant": "t1"}, **strict)
anyone = Client(**strict)
calls = 0


def call(operation, client, expected, **arguments):
    """One call: what it parsed, which has to be of the expected type."""
    global calls
    calls += 1
    answer = operation.sync_detailed(client=client, **arguments)
    assert isinstance(answer.parsed, expected), (calls, operation.__name__, answer)
    return answer.parsed


assert call(ping, backend, str)
user = call(user_by_name, backend, models.User, username=name)
assert call(user_by_id, backend, models.User, user_id=user.user_id) == user
number = models.GetOtpRequest(phonenumber=user.phones[0].phone)

code = call(get_otp, phones, models.Otp, body=number).otp
login = models.LogInWithPasswordAndOtp(username=name, otp=code)
assert call(validate_otp, phones, models.LoggedIn, body=login).username == name
assert call(validate_otp, phones, models.Error, body=login).status == 403
form = models.GetOtpForm(phonenumber=user.phones[0].phone)
code = call(get_otp_by_post, phones, models.Otp, body=form).otp
login = models.LogInWithPasscodeAsAForm(username=name, passcode=code)
call(otp_token_auth, phones, models.LoggedIn, body=login)

channel = models.EnrollRecoveryCodesChannel.RECOVERY
recovery = models.EnrollRecoveryCodes(channel=channel, user_id=user.user_id)
codes = call(enroll, backend, models.EnrolledUser, body=recovery).recovery_codes
channel = models.VerifyARecoveryCodeChannel.RECOVERY
recovery = models.VerifyARecoveryCode(channel=channel, code=codes[0])
call(verification, backend, type(None), user_id=user.user_id, body=recovery)

by_text = models.ApproveByText(channel=models.ApproveByTextChannel.SMS, username=name)
asked = call(approval, backend, models.Approval, body=by_text)
question = models.StatusRequest(status_token=asked.status_token)
pending = call(status, anyone, models.Status, body=question)
assert pending.status == models.StatusStatus.PENDING and pending.user_id == user.user_id
token = models.IntrospectRequest(token=pending.token)
assert not call(introspect, backend, models.Introspection, body=token).active

operation = models.IntentToEnrollByNameOperation.ENROLL
wish = models.IntentToEnrollByName(operation=operation, username="reto.frei")
page = AuthenticatedClient(token=call(intent, backend, models.IntentToken, body=wish).token, **strict)
new = call(enroll, page, models.EnrolledUser, body=models.EnrollAnAuthenticator())
assert new.enrollment.qr_code.size == 300
call(delete_user, backend, type(None), user_id=new.user_id)
assert call(user_by_id, backend, models.Error, user_id=new.user_id).status == 404
print(calls, "calls")
