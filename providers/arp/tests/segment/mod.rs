//! A switch and machines on it: a bridge and veth pairs in network namespaces of their own, for tests of one crate.
//! They need root and `ip`, and fail saying so.
#![allow(dead_code, reason = "each test binary uses the part it needs")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "part of tests: what is missing is said by a panic"
)]

pub(crate) mod announcing;
pub(crate) mod asking;
pub(crate) mod latency;

use std::{
    fs::File,
    io::Write,
    os::fd::AsFd,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread::{self, JoinHandle},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A switch: everything plugged into it is on one segment.
pub(crate) struct Segment {
    switch: Namespace,
    hosts: AtomicU32,
}

/// A machine on the segment, with one interface `eth0`.
pub(crate) struct Host {
    /// Its namespace.
    pub(crate) namespace: Namespace,
    /// The name of the port at the switch's end.
    pub(crate) port: String,
}

/// A network namespace that ends with this value.
pub(crate) struct Namespace {
    name: String,
}

impl Segment {
    pub(crate) fn new() -> Self {
        let switch = Namespace::new("switch");
        // No snooping: it would learn who listens only from a querier, and there is none.
        switch.ip("link add br0 type bridge mcast_snooping 0 forward_delay 0");
        switch.ip("link set br0 up");
        Self {
            switch,
            hosts: AtomicU32::new(0),
        }
    }

    /// Plugs in a machine that has `addresses` (with prefixes) on `eth0`.
    pub(crate) fn host(&self, addresses: &[&str]) -> Host {
        let host = Host {
            namespace: Namespace::new("host"),
            port: format!("port{}", self.hosts.fetch_add(1, Ordering::Relaxed)),
        };
        self.plug(&host.namespace, "eth0", &host.port);
        for address in addresses {
            host.namespace
                .ip(&format!("address add {address} dev eth0 nodad"));
        }
        host
    }

    /// Gives `namespace` an interface on this segment.
    pub(crate) fn plug(&self, namespace: &Namespace, interface: &str, port: &str) {
        self.switch.ip(&format!(
            "link add {port} type veth peer name {interface} netns {}",
            namespace.name
        ));
        self.switch.ip(&format!("link set {port} master br0 up"));
        // Without this the link-local address is tentative for a second or two.
        namespace.sysctl(&format!("net/ipv6/conf/{interface}/accept_dad"), "0");
        namespace.ip(&format!("link set {interface} up"));
    }

    /// `ip` at the switch.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        self.switch.ip(arguments)
    }
}

impl Namespace {
    pub(crate) fn new(what: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "rs{}-{what}{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        ip(&["netns", "add", &name]);
        let namespace = Self { name };
        namespace.ip("link set lo up");
        namespace
    }

    /// `ip` in here, its words separated by blanks; its output.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        let mut words = vec!["-n", &self.name];
        words.extend(arguments.split_whitespace());
        ip(&words)
    }

    /// `tc` in here, its words separated by blanks.
    pub(crate) fn tc(&self, arguments: &str) {
        let mut words = vec!["-n", &self.name];
        words.extend(arguments.split_whitespace());
        command("tc", &words);
    }

    /// Many commands of `ip` in here, one a line, by one process.
    pub(crate) fn ip_batch(&self, commands: &str) {
        let mut child = Command::new("ip")
            .args(["-n", &self.name, "-batch", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("this test needs `ip` (package iproute2)");
        child
            .stdin
            .take()
            .expect("it was piped")
            .write_all(commands.as_bytes())
            .expect("ip reads its commands");
        assert!(child.wait().expect("ip ends").success(), "ip -batch failed");
    }

    /// Sets a kernel setting of this namespace, by its path below `/proc/sys`.
    pub(crate) fn sysctl(&self, path: &str, value: &str) {
        let (path, value) = (format!("/proc/sys/{path}"), value.to_owned());
        self.spawn(move || std::fs::write(&path, value).expect("the setting exists"))
            .join()
            .expect("the setting is written");
    }

    /// A thread in here, and so are the threads that it starts.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let path = format!("/run/netns/{}", self.name);
        thread::spawn(move || {
            let namespace = File::open(path).expect("the namespace exists");
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("CAP_SYS_ADMIN is needed to enter a network namespace: run as root");
            work()
        })
    }

    /// Does `work` in here, and waits for it.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        match self.spawn(work).join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// The kernel's number of an interface in here.
    pub(crate) fn index(&self, interface: &str) -> u32 {
        self.ip(&format!("-o link show dev {interface}"))
            .split(':')
            .next()
            .and_then(|number| number.trim().parse().ok())
            .expect("ip names a number")
    }

    /// The Ethernet address of an interface in here.
    pub(crate) fn mac(&self, interface: &str) -> [u8; 6] {
        let said = self.ip(&format!("-o link show dev {interface}"));
        let text = said
            .split("link/ether ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .expect("it is an Ethernet interface");
        let mut octets = text.split(':').map(|octet| u8::from_str_radix(octet, 16));
        std::array::from_fn(|_| octets.next().expect("six octets").expect("hexadecimal"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "delete", &self.name])
            .status();
    }
}

fn ip(arguments: &[&str]) -> String {
    command("ip", arguments)
}

fn command(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("this test needs `ip` and `tc` (package iproute2)");
    assert!(
        output.status.success(),
        "{program} {}: {} (this test needs root)",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
