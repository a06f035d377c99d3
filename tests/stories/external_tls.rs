//! Encrypted connections to a broker that is not ours: authorities, names and certificates, right and wrong, each with a real
//! Mosquitto. HiveMQ Cloud itself was not tried: its preset is, against a Mosquitto with the same settings.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use stories::{Mosquitto, Operator, Story, expect, free_port};

use crate::external_brokers::{add, change, expect_state, far};

/// Somebody who signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
struct Signed {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn sign(&self, names: &[&str]) -> Signed {
        self.sign_with(names, |_| ())
    }

    fn sign_with(&self, names: &[&str], edit: impl FnOnce(&mut CertificateParams)) -> Signed {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "a broker or a client");
        edit(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Signed { certificate, key: key.serialize_pem() }
    }
}

/// Lines that let Mosquitto listen with TLS at a port, and the port.
fn listener(folder: &Path, lines: &mut String, signed: &Signed, more: &str) -> u16 {
    let port = free_port();
    let file = |name: &str, text: &str| {
        let path = folder.join(format!("{port}-{name}"));
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = (file("certificate", &signed.certificate), file("key", &signed.key));
    writeln!(lines, "listener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n{more}").unwrap();
    port
}

fn settings(mosquitto: &Mosquitto, port: u16, tls: Value) -> Value {
    let mut settings = far(mosquitto, &["tank/#"]);
    settings["port"] = json!(port);
    settings["tls"] = tls;
    settings
}

/// Waits until the link is failing with a sentence that has these words.
fn expect_refused(operator: &Operator, words: &[&str]) {
    expect(&format!("a sentence with {words:?}"), || {
        let found = operator.see("/brokers/far");
        let detail = found["detail"].as_str().unwrap_or_default();
        let told = found["state"] == "failing" && words.iter().all(|word| detail.contains(word));
        if told { Ok(()) } else { Err(found["detail"].clone()) }
    });
}

fn expect_one_message(operator: &Operator, mosquitto: &Mosquitto) {
    expect_state(operator, "connected");
    mosquitto.publish(&[], "tank/one/level", &["7".to_owned()]);
    operator.expect_values("tank/one", "level", &[json!(7.0)]);
}

#[test]
fn a_broker_with_its_own_authority_asks_for_our_certificate_and_gets_it() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let desk = tempfile::tempdir().unwrap();
    fs::write(desk.path().join("ca"), &authority.pem).unwrap();
    let asks = format!("require_certificate true\ncafile {}", desk.path().join("ca").display());
    let mut lines = String::new();
    let port = listener(desk.path(), &mut lines, &authority.sign(&["broker.example"]), &asks);
    let mosquitto = Mosquitto::begin_in(desk, &lines, &[]);
    let mut story = Story::begin();
    let operator = story.operator();

    let mut tls = json!({"enabled": true, "ca_pem": authority.pem});
    add(&operator, &settings(&mosquitto, port, tls.clone()));
    expect_refused(&operator, &["broker.example", "127.0.0.1", "tls.server_name"]);
    tls["server_name"] = json!("broker.example");
    change(&operator, &json!({"tls": tls}));
    expect_refused(&operator, &["asks for a client certificate", "tls.client_cert_pem"]);
    let wrong = stranger.sign(&["gateway"]);
    tls["client_cert_pem"] = json!(wrong.certificate);
    tls["client_key_pem"] = json!(wrong.key);
    change(&operator, &json!({"tls": tls}));
    expect_refused(&operator, &["does not accept our client certificate"]);

    let right = authority.sign(&["gateway"]);
    tls["client_cert_pem"] = json!(right.certificate);
    tls["client_key_pem"] = json!(right.key);
    change(&operator, &json!({"tls": tls}));
    expect_one_message(&operator, &mosquitto);
    let told = operator.see("/brokers/far");
    assert_eq!(told["tls"].get("client_key_pem"), None, "the key is never answered");

    // The key is kept: by a change of something else, and over a restart.
    change(&operator, &json!({"filters": [{"filter": "tank/+/level"}]}));
    expect_state(&operator, "connected");
    story.restart();
    let operator = story.operator();
    expect_state(&operator, "connected");
    mosquitto.publish(&[], "tank/one/level", &["8".to_owned()]);
    operator.expect_values("tank/one", "level", &[json!(7.0), json!(8.0)]);
    story.finish();
}

#[test]
fn what_is_wrong_with_a_certificate_or_a_port_is_a_sentence() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let desk = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    let mut at = |signed: &Signed| listener(desk.path(), &mut lines, signed, "");
    let good = at(&authority.sign(&["127.0.0.1"]));
    let expired = at(&authority.sign_with(&["127.0.0.1"], |params| params.not_after = date_time_ymd(2020, 1, 1)));
    let early = at(&authority.sign_with(&["127.0.0.1"], |params| params.not_before = date_time_ymd(2090, 1, 1)));
    let nameless = at(&authority.sign(&[]));
    let own = at(&authority.sign_with(&["127.0.0.1"], |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }));
    let mosquitto = Mosquitto::begin_in(desk, &lines, &[]);
    let plain = mosquitto.address().port();
    let story = Story::begin();
    let operator = story.operator();

    let trusted = |pem: &str| json!({"enabled": true, "ca_pem": pem});
    add(&operator, &settings(&mosquitto, good, json!({"enabled": true})));
    expect_refused(&operator, &["no public authority", "tls.ca_pem"]);
    let cases = [
        (good, trusted(&stranger.pem), vec!["not signed by the authority in tls.ca_pem"]),
        (good, trusted(&Authority::new("ours").pem), vec!["another authority of the same name"]),
        (expired, trusted(&authority.pem), vec!["expired", "days ago"]),
        (early, trusted(&authority.pem), vec!["valid in", "days"]),
        (nameless, trusted(&authority.pem), vec!["names no host", "127.0.0.1"]),
        (own, trusted(&authority.pem), vec!["an authority's own"]),
        (plain, trusted(&authority.pem), vec!["TLS"]),
        (good, json!({"enabled": false}), vec!["is this port one for TLS?"]),
    ];
    for (port, tls, words) in cases {
        change(&operator, &json!({"port": port, "tls": tls}));
        expect_refused(&operator, &words);
    }
    let no_pem = settings(&mosquitto, good, trusted("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"));
    let refused = operator.post("/brokers", &no_pem);
    assert_eq!(refused.problem(&[422]), "broker_invalid");
    assert!(refused.body["detail"].as_str().unwrap().contains("tls.ca_pem"), "{refused:?}");

    change(&operator, &json!({"port": good, "tls": trusted(&authority.pem)}));
    expect_one_message(&operator, &mosquitto);
    story.finish();
}

/// The first bytes that a client sends to a listener, which never answers.
fn hello(listener: &TcpListener) -> Vec<u8> {
    let (mut socket, _) = listener.accept().unwrap();
    let mut bytes = vec![0; 4096];
    let length = socket.read(&mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

#[test]
fn the_name_wanted_is_sent_before_the_certificate_is_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let story = Story::begin();
    let operator = story.operator();
    let body = json!({"name": "far", "host": "localhost", "port": port, "tls": {"enabled": true}, "filters": [{"filter": "#"}]});
    add(&operator, &body);
    // A try with the settings of before may still be under way.
    let expect_said = |name: &str| {
        expect(&format!("{name} to be said"), || {
            let said = hello(&listener);
            if said.windows(name.len()).any(|part| part == name.as_bytes()) { Ok(()) } else { Err(said) }
        });
    };
    expect_said("localhost");
    change(&operator, &json!({"tls": {"enabled": true, "server_name": "broker.example"}}));
    expect_said("broker.example");
    story.finish();
}

#[test]
fn the_preset_for_hivemq_cloud_needs_a_host_a_user_and_a_password() {
    let authority = Authority::new("ours");
    let desk = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    let port = listener(desk.path(), &mut lines, &authority.sign(&["localhost"]), "");
    let mosquitto = Mosquitto::begin_guarded(desk, &lines, "gate", "right");
    let story = Story::begin();
    let operator = story.operator();

    // As the console of the service shows it with a scheme or a port, it is refused in words.
    let host = "0a1b2c3d.s1.eu.hivemq.invalid";
    let preset =
        json!({"name": "cloud", "preset": "hivemq_cloud", "host": host, "username": "gate", "password": "right"});
    for (member, value, word) in [
        ("host", json!(format!("mqtts://{host}")), "mqtts://"),
        ("host", json!(format!("{host}:8883")), "port"),
        ("password", Value::Null, "password"),
        ("username", Value::Null, "username"),
    ] {
        let mut wrong = preset.clone();
        wrong[member] = value;
        let refused = operator.post("/brokers", &wrong);
        assert_eq!(refused.problem(&[422]), "broker_invalid");
        assert!(refused.body["detail"].as_str().unwrap().contains(word), "{refused:?}");
    }
    let made = operator.post("/brokers", &preset);
    let told = ["port", "tls", "filters"].map(|member| &made.body[member]);
    assert_eq!(told, [&json!(8883), &json!({"enabled": true}), &json!([{"filter": "#", "qos": 1}])], "{made:?}");
    assert_eq!(operator.send("DELETE", "/brokers/cloud", &[], None).status, 204, "it was never heard");

    // The same against a broker with TLS and a password, whose authority is no public one and whose port is another.
    let mut near = preset;
    near["name"] = json!("far");
    near["host"] = json!("localhost");
    near["port"] = json!(port);
    near["tls"] = json!({"enabled": true, "ca_pem": authority.pem});
    add(&operator, &near);
    expect_one_message(&operator, &mosquitto);
    story.finish();
}
