//! Readers of the input and output of photodissociation-region codes (3D-PDR).
