//! How an administrator keeps people from writing their own numbers.

use super::LdapInspection;
use super::writers::Protected;

impl LdapInspection {
    /// For OpenLDAP, whose rules are checked on the server.
    pub(super) fn hint_for_slapd(&self) -> Vec<String> {
        let first = self.settings.phone_attributes.first().map_or("mobile", String::as_str);
        let all = self.guarded().join(",");
        let account = &self.settings.bind_dn;
        let base = self.settings.base_dns.first().map_or("", String::as_str);
        vec![
            format!(
                "check, on the server, with a person's DN for uid=anna (write must be DENIED): \
                 slapacl -F /etc/ldap/slapd.d -D \"uid=anna,{base}\" -b \"uid=anna,{base}\" \
                 \"{first}/write\""
            ),
            format!(
                "close, as the first rule of the database: olcAccess: {{0}}to attrs={all} by \
                 dn.exact=\"{account}\" read by * none   (and before that `by … write` for the account that \
                 maintains the numbers)"
            ),
        ]
    }

    /// For Active Directory; without the attributes' GUIDs if the schema does not show them.
    pub(super) fn hint_for_ad(&self, protected: &[Protected]) -> Vec<String> {
        let names = self.guarded();
        let dsacls: Vec<_> =
            names.iter().map(|name| format!("'NT AUTHORITY\\SELF:WP;{name}'")).collect();
        let text = |guid| uuid::Uuid::from_bytes_le(guid).to_string();
        let mut sddl: Vec<_> =
            protected.iter().map(|own| format!("(OD;;WP;{};;PS)", text(own.own))).collect();
        if sddl.is_empty() {
            sddl.push("(OD;;WP;schemaIDGUID;;PS)".to_owned());
        }
        let base = self.settings.base_dns.first().map_or("", String::as_str);
        vec![
            "best: keep the numbers in an attribute that only administrators may write, and name it \
             in phone_attributes"
                .to_owned(),
            format!(
                "or deny it on each person (an inherited denial comes too late, after the rights \
                 granted on the entry itself): Get-ADUser -SearchBase \"{base}\" -Filter * | \
                 ForEach-Object {{ dsacls $_.DistinguishedName /D {} }}",
                dsacls.join(" ")
            ),
            format!(
                "in Samba: samba-tool dsacl set --objectdn=\"CN=…\" --sddl=\"{}\"",
                sddl.concat()
            ),
            "take ownership of entries that people own themselves (an owner may change the rights), \
             and remove people from groups that may write: dsacls \"CN=…\" /takeownership"
                .to_owned(),
            "for new people: remove SELF's write right from the class user's \
             defaultSecurityDescriptor in the schema, or deny it when each person is created"
                .to_owned(),
        ]
    }
}
