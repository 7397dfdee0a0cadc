//! The test tools tested: the reference model by hand-computed scenarios, the generator by what it
//! reaches, the auditor and the harness by what they find.

mod it {
    mod scenarios;
}
