//! What a server says that has not what is asked for.
use fred::types::config::Server;

use crate::Fault;

/// Who is to be asked instead.
#[derive(Debug, PartialEq)]
pub(super) struct Redirect {
    pub(super) server: Server,
    /// Only this once, for the key is on its way there.
    pub(super) is_asking: bool,
}

impl Redirect {
    /// `MOVED 3999 127.0.0.1:6381`, or `ASK` in its place.
    pub(super) fn read(fault: &Fault) -> Option<Self> {
        let Fault::Server { code, message } = fault else {
            return None;
        };
        let is_asking = match *code {
            "ASK" => true,
            "MOVED" => false,
            _ => return None,
        };
        let (host, port) = message.rsplit(' ').next()?.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let server = Server::new(host, port);
        Some(Self { server, is_asking })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_name_a_server_and_other_faults_do_not() {
        let read = |code, message: &str| {
            let message = message.into();
            Redirect::read(&Fault::Server { code, message })
        };
        let server = Server::new("::1", 6381);
        let moved = read("MOVED", "MOVED 3999 ::1:6381").expect("good");
        assert_eq!((moved.server, moved.is_asking), (server.clone(), false));
        let ask = read("ASK", "ASK 3999 ::1:6381").expect("good");
        assert_eq!((ask.server, ask.is_asking), (server, true));
        for (code, message) in [
            ("ERR", "ERR 1 a:1"),
            ("MOVED", "MOVED"),
            ("MOVED", "MOVED 1 a:b"),
        ] {
            assert_eq!(read(code, message), None);
        }
    }
}
