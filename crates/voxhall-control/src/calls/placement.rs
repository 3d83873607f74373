//! Which media node takes a call.

use voxhall_live::{NodeId, NodeRecord};

use super::view::LiveView;

/// What is wished for, best first, and what is demanded.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish<'a> {
    /// The channel's own region; outweighs wishes.
    pub(crate) region: Option<&'a str>,
    /// The client's wishes, best first.
    pub(crate) preferred: &'a [String],
}

/// The least loaded node of the best region that has one; `None` if no node takes new calls.
///
/// A region without nodes is no reason to refuse a call: another region is better than silence.
pub(crate) fn choose<'a>(view: &'a LiveView, wish: Wish<'_>) -> Option<(&'a NodeId, &'a NodeRecord)> {
    let open = || view.nodes().filter(|(_, node)| !node.draining);
    let in_region = |region: &str| {
        open()
            .filter(|(_, node)| node.region == region)
            .min_by_key(|(_, node)| node.members)
    };
    let regions = wish
        .region
        .into_iter()
        .chain(wish.preferred.iter().map(String::as_str));
    regions
        .filter_map(in_region)
        .next()
        .or_else(|| open().min_by_key(|(_, node)| node.members))
}

#[cfg(test)]
mod tests {
    use voxhall_live::{Record, key};
    use voxhall_switchboard::{Change, Entry, Revision};

    use super::*;

    fn view(nodes: &[(&str, &str, u64, bool)]) -> LiveView {
        let mut view = LiveView::default();
        for (id, region, members, draining) in nodes {
            let node = NodeRecord {
                endpoint: format!("{id}.example"),
                region: (*region).to_owned(),
                members: *members,
                draining: *draining,
            };
            let entry = Entry {
                key: key::node(&NodeId((*id).to_owned())),
                value: node.encode().into(),
                revision: Revision(1),
            };
            view.apply(&Change::Put(entry)).unwrap();
        }
        view
    }

    #[test]
    fn region_first_then_load_and_never_a_draining_node() {
        let view = view(&[
            ("a", "rotterdam", 50, false),
            ("b", "rotterdam", 20, false),
            ("c", "oslo", 5, false),
            ("d", "oslo", 0, true),
        ]);
        let name = |wish| choose(&view, wish).map(|(id, _)| id.0.clone());
        let oslo = ["lima".to_owned(), "oslo".to_owned()];
        assert_eq!(name(Wish::default()).as_deref(), Some("c"));
        assert_eq!(
            name(Wish {
                region: Some("rotterdam"),
                preferred: &oslo
            })
            .as_deref(),
            Some("b")
        );
        assert_eq!(
            name(Wish {
                region: Some("lima"),
                preferred: &oslo
            })
            .as_deref(),
            Some("c")
        );
        assert_eq!(
            name(Wish {
                region: Some("lima"),
                preferred: &[]
            })
            .as_deref(),
            Some("c")
        );
        assert!(choose(&LiveView::default(), Wish::default()).is_none());
    }
}
