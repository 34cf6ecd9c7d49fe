//! What travels beside a message.
use obs_core::{CallContext, Error};
use tonic::metadata::{MetadataMap, MetadataValue};

const TENANT: &str = "x-obs-tenant";
const SESSION: &str = "x-obs-session";

/// Writes the circumstances of a call into metadata: the time that is left (`grpc-timeout`, which tonic enforces on both sides,
/// and `x-obs-deadline-ms`), tenant and session. Names that metadata cannot hold are left out.
///
/// # Errors
/// [`Elapsed`](obs_core::Elapsed), if less than a millisecond is left. Nothing should be sent then.
pub fn inject(context: &CallContext, to: &mut MetadataMap) -> Result<(), Error> {
    context
        .deadline
        .inject(|name, value| set(to, name, &value))?;
    for (name, value) in [(TENANT, &context.tenant), (SESSION, &context.session)] {
        if let Some(value) = value {
            set(to, name, value);
        }
    }
    Ok(())
}

fn set(to: &mut MetadataMap, name: &'static str, value: &str) {
    if let Ok(value) = MetadataValue::try_from(value) {
        to.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use obs_core::{Call, Deadline};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_that_is_left_is_told_less_what_was_spent() {
        let deadline = Deadline::after(Duration::from_secs(3), Duration::ZERO);
        let call = Call::new(())
            .tenant("acme")
            .session("talk")
            .deadline(deadline);
        tokio::time::advance(Duration::from_secs(1)).await;
        let mut metadata = MetadataMap::new();
        inject(&call.context, &mut metadata).expect("time is left");
        for (name, value) in [
            ("grpc-timeout", "2000000u"),
            ("x-obs-deadline-ms", "2000"),
            (TENANT, "acme"),
            (SESSION, "talk"),
        ] {
            let told = metadata.get(name).and_then(|told| told.to_str().ok());
            assert_eq!(told, Some(value), "{name}");
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(inject(&call.context, &mut metadata).is_err());
    }
}
