//! The domain that each test gets a copy of: it is made once, which takes seconds.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use super::{ADMIN_PASSWORD, BASE_DN, people};
use crate::support::shell::Shell;

static TEMPLATE: OnceLock<Shell> = OnceLock::new();

/// Nothing but LDAP is served. Who asks for a password in clear is refused, as by default.
fn smb_conf(folder: &Path, address: &str) -> String {
    let at = folder.display();
    format!(
        "[global]\n\
         workgroup = LAB\n\
         realm = LAB.EXAMPLE.ORG\n\
         netbios name = DC1\n\
         server role = active directory domain controller\n\
         server services = ldap, cldap\n\
         interfaces = {address}/8\n\
         bind interfaces only = yes\n\
         private dir = {at}/dc/private\n\
         state directory = {at}/dc/state\n\
         cache directory = {at}/dc/cache\n\
         lock directory = {at}/dc\n\
         binddns dir = {at}/dc/bind-dns\n\
         pid directory = {at}/dc\n\
         ncalrpc dir = {at}/dc/ncalrpc\n\
         winbindd socket directory = {at}/dc/winbindd\n\
         vfs objects = dfs_samba4 acl_xattr xattr_tdb\n\
         tls cafile = {at}/ca.pem\n\
         tls certfile = {at}/server.pem\n\
         tls keyfile = {at}/server.key\n\
         panic action =\n\
         logging = file\n\
         log file = {at}/log\n\
         ldb:nosync = yes\n"
    )
}

/// Puts a copy of the domain into the folder of `shell`, to be served at `address`.
pub fn copy_to(shell: &Shell, address: &str) {
    let template = TEMPLATE.get_or_init(make);
    let (from, to) = (template.folder().display(), shell.folder().display());
    shell.run(&format!("cp -a '{from}/dc' '{to}/dc'"));
    write(shell.folder(), "smb.conf", &smb_conf(shell.folder(), address));
}

/// Adds entries while no server runs.
pub fn add(shell: &Shell, ldif: &str) {
    ldb(shell, "ldbadd", ldif);
}

/// Changes entries while no server runs; `control` allows what a server would refuse.
pub fn change(shell: &Shell, control: &str, ldif: &str) {
    ldb(shell, &format!("ldbmodify --controls={control}:0"), ldif);
}

fn ldb(shell: &Shell, command: &str, ldif: &str) {
    write(shell.folder(), "change.ldif", ldif);
    let at = shell.folder().display();
    let database = format!("{at}/dc/private/sam.ldb");
    shell.run(&format!("{command} --configfile={at}/smb.conf -H {database} {at}/change.ldif"));
}

fn make() -> Shell {
    let shell = Shell::of_root();
    let at = shell.folder().display();
    shell.run(&format!(
        "samba-tool domain provision --targetdir={at}/dc --realm=LAB.EXAMPLE.ORG --domain=LAB \
         --server-role=dc --dns-backend=SAMBA_INTERNAL --adminpass={ADMIN_PASSWORD} \
         --host-name=dc1 --host-ip=127.0.0.1 --option='interfaces=127.0.0.1/8' \
         --option='bind interfaces only=yes' --option='server services=ldap, cldap' \
         --option='vfs objects=dfs_samba4 acl_xattr xattr_tdb'"
    ));
    write(shell.folder(), "smb.conf", &smb_conf(shell.folder(), "127.0.0.1"));
    shell.run(&format!("mkdir -p {at}/dc/cache"));
    add(&shell, &people::ldif());
    // A password as old as this can't be set, only come to be.
    let stale = format!(
        "dn: CN=stale,{}\nchangetype: modify\nreplace: pwdLastSet\n\
         pwdLastSet: 132000000000000000\n",
        people::USERS
    );
    change(&shell, "local_oid:1.3.6.1.4.1.7165.4.3.20", &stale);
    shell
}

/// Lets every signed-in user see what was deleted; by default only administrators may.
pub fn show_deletions(shell: &Shell) {
    let_list_deletions(shell, "(A;;RPLC;;;AU)");
}

/// The same, not any more.
pub fn hide_deletions(shell: &Shell) {
    let_list_deletions(shell, "");
}

fn let_list_deletions(shell: &Shell, whom: &str) {
    let ldif = format!(
        "dn: CN=Deleted Objects,{BASE_DN}\nchangetype: modify\nreplace: nTSecurityDescriptor\n\
         nTSecurityDescriptor: O:SYG:SYD:PAI(A;;RPWPCCDCLCRCWOWDSDSW;;;SY)(A;;RPLC;;;BA){whom}\n"
    );
    change(shell, "show_deleted", &ldif);
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("the folder can be written");
}
