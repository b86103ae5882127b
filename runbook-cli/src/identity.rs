//! Who uses the program, as the operating system sees it. Environment variables are not believed.

/// The name of the operating-system user, or `uid N` when the user database does not know one.
pub(crate) fn user() -> String {
    let uid = rustix::process::getuid().as_raw();
    let database = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&database, uid).unwrap_or_else(|| format!("uid {uid}"))
}

fn name_in(database: &str, uid: u32) -> Option<String> {
    database.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse::<u32>().ok()? == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn the_name_comes_from_the_user_database() {
        let database = "# comment\nroot:x:0:0:root:/root:/bin/sh\n:x:7:7::/:/bin/false\nанна:x:1000:1000::/home/a:/bin/sh\n";
        assert_eq!(name_in(database, 0).as_deref(), Some("root"));
        assert_eq!(name_in(database, 1000).as_deref(), Some("анна"));
        assert_eq!(name_in(database, 7), None);
        assert_eq!(name_in(database, 100), None);
    }
}
