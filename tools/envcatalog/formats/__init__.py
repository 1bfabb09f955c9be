"""Other people's file formats. Pure: bytes and streams in, values out."""
