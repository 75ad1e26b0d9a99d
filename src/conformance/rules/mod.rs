//! Rules by family.
