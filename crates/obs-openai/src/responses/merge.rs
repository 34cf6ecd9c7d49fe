//! From a stream to the response that would have come instead.
use obs_core::BoxError;
use obs_wire::{Event, Members, Writer, json};

/// The response of the last event, which is all of it. Some providers leave its `output` empty: it is then made of the items.
pub(super) fn merge(events: &[Event]) -> Result<String, BoxError> {
    let (mut response, mut items) = (None, Vec::new());
    for event in events {
        let data = std::str::from_utf8(&event.data)?;
        let (mut kind, mut index, mut item, mut of) = (None, 0, None, None);
        json::fields(data, |key, value| match &*key {
            "type" => kind = json::text(value),
            "output_index" => index = json::count(value).unwrap_or(0),
            "item" => item = Some(value),
            "response" => of = Some(value),
            _ => {}
        })?;
        match kind.as_deref() {
            Some("response.completed") => response = of,
            Some("response.output_item.done") => items.extend(item.map(|item| (index, item))),
            _ => {}
        }
    }
    let response = response.ok_or("the kept stream has no response.completed")?;
    let members = Members::read(response)?;
    let is_empty = members.get("output").is_none_or(json::is_hollow);
    if items.is_empty() || !is_empty {
        return Ok(response.to_owned());
    }
    items.sort_by_key(|(index, _)| *index);
    let mut output = Writer::default();
    output.array(|to| items.iter().for_each(|(_, item)| to.value(item)));
    let mut out = Writer::default();
    out.object(|to| members.write_with(to, &[("output", Some(output.finish()))]));
    Ok(out.finish())
}
