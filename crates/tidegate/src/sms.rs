//! What the courier is told of the gateway for text messages, and the app of what they may cost.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use tidegate_core::{Country, Secret};
use tidegate_courier::{SmsAuth, SmsBody, SmsSettings, SmsTo};
use tidegate_factors::sms_cost::{OnCap, SmsCost, SmsCosts};

use crate::{
    config::{self, Config, OnHourlyCost, Sms},
    files::Files,
};

/// Where text messages go; `None`: nowhere.
pub(crate) fn to(config: &Config, files: Files) -> anyhow::Result<Option<SmsTo>> {
    let sms = &config.sms;
    if !sms.url.is_empty() {
        let gateway = gateway(sms, files).context("the settings of the SMS gateway")?;
        return Ok(Some(SmsTo::Gateway(Box::new(gateway))));
    }
    Ok(given(&sms.folder).map(|folder| SmsTo::Folder(folder.to_owned())))
}

/// What text messages may cost. `None`: there are none.
pub(crate) fn costs(config: &Config) -> anyhow::Result<Option<SmsCosts>> {
    let sms = &config.sms;
    if sms.url.is_empty() && given(&sms.folder).is_none() {
        return Ok(None);
    }
    ensure!(!sms.countries.trim().is_empty(), "sms.countries must name the countries that are sent to");
    let hourly = amount(&sms.hourly_cost).context("sms.hourly_cost")?;
    let caps = by_country(&sms.hourly_costs).context("sms.hourly_costs")?;
    let prices = by_country(&sms.countries).context("sms.countries")?;
    if let Some(unknown) = caps.keys().find(|country| !prices.contains_key(*country)) {
        anyhow::bail!("sms.hourly_costs names {unknown}, which sms.countries does not");
    }
    let cost = |(country, price): (Country, i64)| {
        let hourly = caps.get(&country).copied().unwrap_or(hourly);
        ensure!(price <= hourly, "one message to {country} costs more than sms.hourly_cost");
        Ok((country, SmsCost { price, hourly }))
    };
    let countries = prices.into_iter().map(cost).collect::<anyhow::Result<_>>()?;
    let on_cap = match sms.on_hourly_cost {
        OnHourlyCost::Record => OnCap::Record,
        OnHourlyCost::Block => OnCap::Block,
    };
    Ok(Some(SmsCosts { countries, on_cap }))
}

/// `DE=0.07, AT`: amounts by country, 1 where none is said.
fn by_country(text: &str) -> anyhow::Result<BTreeMap<Country, i64>> {
    let mut amounts = BTreeMap::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (country, said) = part.split_once('=').unwrap_or((part, "1"));
        let parsed = country.trim().parse();
        let country: Country = parsed.map_err(|error| anyhow::anyhow!("{country:?} {error}"))?;
        let amount = amount(said).with_context(|| country.to_string())?;
        ensure!(amounts.insert(country.clone(), amount).is_none(), "{country} stands there twice");
    }
    Ok(amounts)
}

/// The millionths of an amount such as `0.07`.
fn amount(text: &str) -> anyhow::Result<i64> {
    let text = text.trim();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    let sound =
        !whole.is_empty() && whole.len() <= 9 && part.len() <= 6 && is_number(whole) && is_number(part);
    ensure!(sound, "{text:?} must be an amount such as 0.07");
    let micros: i64 = format!("{whole}{part:0<6}").parse()?;
    ensure!(micros > 0, "{text:?} must be more than 0");
    Ok(micros)
}

fn gateway(sms: &Sms, files: Files) -> anyhow::Result<SmsSettings> {
    let success = sms.success.split(',').map(str::trim).filter(|status| !status.is_empty());
    let success = success.map(str::parse).collect::<Result<_, _>>().context("sms.success")?;
    Ok(SmsSettings {
        url: sms.url.clone(),
        body: body(&sms.body)?,
        headers: headers(&sms.headers)?,
        auth: auth(sms, files)?,
        sender: sms.sender.clone(),
        success,
        message_id: Some(sms.message_id.clone()).filter(|pointer| !pointer.is_empty()),
        ca_file: given(&sms.ca_file).map(Path::to_owned),
        timeout: Duration::from_millis(sms.timeout_ms),
    })
}

fn body(text: &str) -> anyhow::Result<SmsBody> {
    if text.trim_start().starts_with(['{', '[']) {
        return Ok(SmsBody::Json(serde_json::from_str(text).context("sms.body is no JSON")?));
    }
    let field = |pair: &str| {
        let (name, value) =
            pair.split_once('=').context("sms.body must have fields such as To={to}&Body={text}")?;
        Ok((name.to_owned(), value.to_owned()))
    };
    Ok(SmsBody::Form(text.split('&').map(field).collect::<anyhow::Result<_>>()?))
}

fn headers(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let header = |part: &str| {
        let (name, value) = part.split_once(':').context("sms.headers must be such as X-Api-Version: 2")?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    text.split(',').filter(|part| !part.trim().is_empty()).map(header).collect()
}

fn auth(sms: &Sms, files: Files) -> anyhow::Result<SmsAuth> {
    let secret = || {
        let file = given(&sms.secret_file).context("sms.auth needs sms.secret_file")?;
        Ok::<_, anyhow::Error>(Secret::new(files.read_secret(file)?.expose().trim_end().to_owned()))
    };
    let user = || {
        ensure!(!sms.user.is_empty(), "sms.auth needs sms.user");
        Ok(sms.user.clone())
    };
    Ok(match sms.auth {
        config::SmsAuth::None => SmsAuth::None,
        config::SmsAuth::Basic => SmsAuth::Basic { user: user()?, password: secret()? },
        config::SmsAuth::Bearer => SmsAuth::Bearer { token: secret()? },
        config::SmsAuth::Header => SmsAuth::Header { name: user()?, value: secret()? },
    })
}

fn given(path: &Path) -> Option<&Path> {
    (!path.as_os_str().is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_millionth() {
        for (text, micros) in
            [("1", 1_000_000), (" 0.07 ", 70_000), ("12.345678", 12_345_678), ("0.000001", 1)]
        {
            assert_eq!(amount(text).unwrap(), micros, "{text}");
        }
        for text in ["", "0", "-1", "1,5", "1.2345678", "1e3", ".5", "0x1", "\u{661}", "10000000000"] {
            assert!(amount(text).is_err(), "{text}");
        }
    }

    #[test]
    fn countries_are_read_with_their_prices() {
        let read = by_country("DE=0.07, AT ,CH=2").unwrap();
        let read: Vec<_> = read.iter().map(|(country, price)| (country.as_str(), *price)).collect();
        assert_eq!(read, [("AT", 1_000_000), ("CH", 2_000_000), ("DE", 70_000)]);
        for wrong in ["de", "DE=1,DE=2", "DE=", "Germany=1", "DE;AT"] {
            assert!(by_country(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_body_is_a_form_or_json() {
        assert!(matches!(body("To={to}&Body={text}").unwrap(), SmsBody::Form(fields) if fields.len() == 2));
        assert!(matches!(body(r#"{"to": "{to}", "text": "{text}"}"#).unwrap(), SmsBody::Json(_)));
        assert!(body("{to}").is_err());
        assert!(body("To").is_err());
        assert_eq!(headers("A: 1, B: x:y").unwrap()[1], ("B".to_owned(), "x:y".to_owned()));
        assert!(headers("A").is_err());
    }
}
