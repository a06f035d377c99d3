//! Column codecs and the checksummed frame format.
