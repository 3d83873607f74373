//! Streams over REST: what they look like, and where they stand (gateway-and-calls, section 9.3).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use voxhall_live::StreamRecord;
use voxhall_protocol::gateway::StreamKey;
use voxhall_protocol::model::Permissions;
use voxhall_protocol::rest::{ApiErrorCode, PatchStream, PutStreamPreview, StreamPreview};

use super::caller::Caller;
use super::gateway::OutsideUrl;
use super::reply::{Answer, Body, Done, Failure, Json, Named};
use super::route::{Routes, get, patch};
use crate::calls::streams::id_of;
use crate::control::Core;
use crate::directory::Home;
use crate::previews::{LARGEST_PICTURE, Picture, PictureKind};

pub(super) fn api() -> Routes {
    Routes::new("streams")
        .route(
            "/streams/{key}/preview",
            get(preview, "Says where the picture of a stream is")
                .post(set_preview, "Sets the picture of one's own stream"),
        )
        .route(
            "/streams/{key}/preview/{token}",
            get(picture, "Gives the picture of a stream"),
        )
        .route(
            "/streams/{key}/stream",
            patch(move_stream, "Moves one's own stream to another region"),
        )
}

async fn preview(
    State(core): State<Arc<Core>>,
    caller: Caller,
    outside: OutsideUrl,
    Named(name): Named<String>,
) -> Answer<Json<StreamPreview>> {
    let key = read_key(&name)?;
    let stream = watchable(&core, &caller, key)?;
    let token = core
        .previews
        .token(stream.rtc_channel_id)
        .ok_or_else(no_picture)?;
    Ok(Json(StreamPreview {
        url: format!("{}/api/v10/streams/{key}/preview/{token}", outside.over_http()),
    }))
}

async fn set_preview(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(name): Named<String>,
    Body(body): Body<PutStreamPreview>,
) -> Answer<Done> {
    let stream = own(&core, &caller, read_key(&name)?)?;
    let picture =
        read_picture(&body.thumbnail).map_err(|fault| Failure::invalid_field("thumbnail", fault))?;
    core.previews.put(stream.rtc_channel_id, picture);
    // It may have ended meanwhile, and then nobody would take the picture away.
    if core
        .calls
        .view()
        .stream_with_room(stream.rtc_channel_id)
        .is_none()
    {
        core.previews.forget(stream.rtc_channel_id);
    }
    Ok(Done)
}

async fn picture(
    State(core): State<Arc<Core>>,
    Named((name, token)): Named<(String, String)>,
) -> Answer<Picture> {
    let key = read_key(&name)?;
    let room = core
        .calls
        .view()
        .stream(id_of(key))
        .map(|stream| stream.rtc_channel_id);
    let picture = room.and_then(|room| core.previews.get(room, &token));
    picture.ok_or_else(no_picture)
}

async fn move_stream(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(name): Named<String>,
    Body(body): Body<PatchStream>,
) -> Answer<Done> {
    let key = read_key(&name)?;
    own(&core, &caller, key)?;
    let region = body.region.as_deref();
    if region.is_some_and(|region| core.config.regions.iter().all(|known| known.id != region)) {
        return Err(Failure::invalid_field("region", "there is no such region"));
    }
    core.calls
        .act(|facts| facts.move_stream(id_of(key), region))
        .await?;
    Ok(Done)
}

fn read_key(name: &str) -> Answer<StreamKey> {
    let key = name.parse::<StreamKey>();
    key.map_err(|error| Failure::invalid_field("stream_key", &error.to_string()))
}

/// A stream that the caller could watch if it were in the room: a preview is for making up one's mind.
fn watchable(core: &Core, caller: &Caller, key: StreamKey) -> Answer<StreamRecord> {
    let world = core.directory.read();
    let view = core.calls.view();
    let channel = key.channel();
    let home = caller.sees(&world, channel)?;
    let inside = view.room(channel).any(|record| record.user_id == caller.id());
    if !inside && home != Home::Private {
        caller.may_in(&world, channel, Permissions::CONNECT)?;
    }
    let stream = view.stream(id_of(key)).filter(|stream| stream.key() == key);
    stream
        .cloned()
        .ok_or_else(|| Failure::with_message(StatusCode::NOT_FOUND, ApiErrorCode::General, "Unknown Stream"))
}

/// A stream of the caller.
fn own(core: &Core, caller: &Caller, key: StreamKey) -> Answer<StreamRecord> {
    let stream = watchable(core, caller, key)?;
    if stream.owner != caller.id() {
        return Err(Failure::forbidden(ApiErrorCode::MissingPermissions));
    }
    Ok(stream)
}

fn no_picture() -> Failure {
    Failure::with_message(
        StatusCode::NOT_FOUND,
        ApiErrorCode::General,
        "Unknown Stream Preview",
    )
}

/// Reads a picture out of a data URL.
fn read_picture(text: &str) -> Result<Picture, &'static str> {
    let kind_and_data = [PictureKind::Jpeg, PictureKind::Png]
        .into_iter()
        .find_map(|kind| {
            let data = text
                .strip_prefix("data:")?
                .strip_prefix(kind.media_type())?
                .strip_prefix(";base64,")?;
            Some((kind, data))
        });
    let (kind, data) = kind_and_data.ok_or("give a data URL of a JPEG or PNG picture, in base64")?;
    let bytes = STANDARD.decode(data).map_err(|_| "the picture is not base64")?;
    if bytes.len() > LARGEST_PICTURE {
        return Err("the picture has more than 128 KiB");
    }
    if !bytes.starts_with(kind.signature()) {
        return Err("the picture is not what its data URL says");
    }
    Ok(Picture {
        kind,
        bytes: Bytes::from(bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_url(kind: &str, bytes: &[u8]) -> String {
        format!("data:{kind};base64,{}", STANDARD.encode(bytes))
    }

    #[test]
    fn pictures_are_jpeg_or_png_and_not_large() {
        let png = b"\x89PNG\r\n\x1a\nrest";
        let read = read_picture(&data_url("image/png", png)).unwrap();
        assert_eq!((read.kind, &read.bytes[..]), (PictureKind::Png, &png[..]));
        assert!(read_picture(&data_url("image/jpeg", b"\xff\xd8\xff\xe0")).is_ok());
        let mut large = vec![0; LARGEST_PICTURE];
        large[..3].copy_from_slice(PictureKind::Jpeg.signature());
        assert!(read_picture(&data_url("image/jpeg", &large)).is_ok());
        large.push(0);
        for bad in [
            data_url("image/jpeg", &large),
            data_url("image/jpeg", png),
            data_url("image/svg+xml", b"<svg/>"),
            "data:image/png;base64,%%%".to_owned(),
            "data:image/png,x".to_owned(),
            "https://example.org/x.png".to_owned(),
            String::new(),
        ] {
            assert!(read_picture(&bad).is_err(), "{}", &bad[..bad.len().min(40)]);
        }
    }
}
