"""Where a source lies and what its bytes are: files, addresses and streams, opened, unpacked and parted into lines."""
