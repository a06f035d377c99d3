//! TLS to a broker: public authorities or its own, the name in its certificate, and our certificate where it asks for one.

use std::sync::Arc;

use source::Tls;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// What a connection needs, or a sentence about the setting that is wrong.
pub fn config(tls: &Tls, host: &str) -> Result<(Arc<ClientConfig>, ServerName<'static>), String> {
    let name = tls.server_name.as_deref().unwrap_or(host).to_owned();
    let name = ServerName::try_from(name.clone()).map_err(|_| format!("{name:?} can be no name in a certificate"))?;
    let mut roots = RootCertStore::empty();
    match &tls.ca_pem {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for authority in certificates("tls.ca_pem", pem)? {
                roots.add(authority).map_err(|error| format!("tls.ca_pem holds no usable authority: {error}"))?;
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let config = match (&tls.client_cert_pem, &tls.client_key_pem) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                .map_err(|_| String::from("tls.client_key_pem holds no private key"))?;
            builder
                .with_client_auth_cert(certificates("tls.client_cert_pem", certificate)?, key)
                .map_err(|error| format!("the client's certificate and key cannot be used: {error}"))?
        }
        (Some(_), None) | (None, Some(_)) => {
            return Err("tls.client_cert_pem and tls.client_key_pem go together".to_owned());
        }
    };
    Ok((Arc::new(config), name))
}

fn certificates(member: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(format!("{member} holds no certificate in PEM")),
    }
}
