#!/usr/bin/env bash
# A throwaway OpenLDAP server to try the gateway with, in the foreground until Ctrl-C:
#   tests/try-slapd.sh CERTS       CERTS holds ca.pem, server.pem, server.key (dialpass dev-certs)
# It serves dc=example,dc=com on ldap://127.0.0.1:3389 and ldaps://127.0.0.1:6636, with the service
# account cn=gateway,dc=example,dc=com (password: gateway-password) and these people in
# ou=people, whose passwords are their names with -password:
#   anna   mobile +46 70 123 45 67      bertil  telephoneNumber 070-222 33 44
set -euo pipefail

certs=$(cd "${1:?the folder with ca.pem, server.pem and server.key}" && pwd)
ldap=${LDAP_PORT:-3389} ldaps=${LDAPS_PORT:-6636}
PATH=$PATH:/usr/sbin
command -v slapd >/dev/null || { echo "slapd is missing: apt-get install slapd ldap-utils" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/data"

cat >"$folder/slapd.conf" <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $folder/slapd.pid
TLSCACertificateFile $certs/ca.pem
TLSCertificateFile $certs/server.pem
TLSCertificateKeyFile $certs/server.key
database mdb
directory $folder/data
suffix dc=example,dc=com
rootdn cn=admin,dc=example,dc=com
index objectClass,uid,mobile,telephoneNumber,entryUUID eq
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree=ou=people,dc=example,dc=com by dn.exact=cn=gateway,dc=example,dc=com read by * none
CONF

person() { # uid, attribute line
  cat <<LDIF

dn: uid=$1,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: $1
cn: $1
sn: $1
$2
userPassword: $(slappasswd -s "$1-password")
LDIF
}
{
  cat <<LDIF
dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: cn=gateway,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: gateway
userPassword: $(slappasswd -s gateway-password)
LDIF
  person anna 'mobile: +46 70 123 45 67'
  person bertil 'telephoneNumber: 070-222 33 44'
} >"$folder/people.ldif"
slapadd -q -f "$folder/slapd.conf" -l "$folder/people.ldif"

echo "ldap://127.0.0.1:$ldap ldaps://127.0.0.1:$ldaps until Ctrl-C"
slapd -d 0 -f "$folder/slapd.conf" -h "ldap://127.0.0.1:$ldap ldaps://127.0.0.1:$ldaps" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 0' INT TERM
wait $server
