//! A failing sequence, made as short as it goes.

/// Leaves out of `items` what is not needed for `fails` to stay true: halves first, then ever smaller pieces.
pub fn shrink<T: Clone>(items: &[T], mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut rest = items.to_vec();
    let mut piece = rest.len().div_ceil(2);
    while piece > 0 {
        let mut start = 0;
        let mut shorter = false;
        while start < rest.len() {
            let end = rest.len().min(start + piece);
            let without: Vec<T> = rest[..start].iter().chain(&rest[end..]).cloned().collect();
            if fails(&without) {
                rest = without;
                shorter = true;
            } else {
                start = end;
            }
        }
        if piece == 1 && !shorter {
            break;
        }
        piece = if shorter { piece } else { piece / 2 }.min(rest.len());
    }
    rest
}

#[test]
fn what_is_not_needed_goes() {
    let items: Vec<u32> = (0..100).collect();
    let needs = |items: &[u32]| [7, 50, 51].iter().all(|it| items.contains(it));
    assert_eq!(shrink(&items, needs), [7, 50, 51]);
    assert!(shrink(&items, |_| true).is_empty());
}
