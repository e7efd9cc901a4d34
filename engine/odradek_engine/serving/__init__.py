"""What `odradek serve` answers engines with: HTTP/2 and HTTP/1.1 on one port."""
