//! Connections over loopback, through each reactor.

mod it {
    mod reactors;
}
