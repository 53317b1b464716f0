#!/bin/sh
# Made once, committed, and valid until 2120: the specs need no tool to make certificates. Run again only to add one: it makes
# all of them anew (OpenSSL 3, in this directory). The keys are for tests on loopback and protect nothing.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/index"
cat >"$work/ca.cnf" <<CNF
[ca]
default_ca = ours
[ours]
database = $work/index
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
[req]
distinguished_name = name
[name]
CNF

kind='ec -pkeyopt ec_paramgen_curve:P-256'
request() { # name, common name
  # shellcheck disable=SC2086 # two words
  openssl req -new -newkey $kind -noenc -subj "/CN=$2" -config "$work/ca.cnf" -keyout "$1.key.pem" -out "$work/$1.csr"
}
from=20200101000000Z
to=21200101000000Z

request ca 'Test CA'
openssl ca -batch -notext -config "$work/ca.cnf" -selfsign -extensions authority -keyfile ca.key.pem \
  -startdate $from -enddate $to -in "$work/ca.csr" -out ca.pem

issue() { # name, common name, subjectAltName or -, from, to
  request "$1" "$2"
  if [ "$3" = - ]; then printf 'basicConstraints = CA:false\n'; else printf 'subjectAltName = %s\n' "$3"; fi >"$work/ext"
  openssl ca -batch -notext -config "$work/ca.cnf" -cert ca.pem -keyfile ca.key.pem -extfile "$work/ext" \
    -startdate "$4" -enddate "$5" -in "$work/$1.csr" -out "$1.pem"
}
issue server localhost 'DNS:localhost, IP:127.0.0.1, IP:::1' $from $to
issue other other.test 'DNS:other.test' $from $to
issue names 'many names' 'DNS:*.wild.test, DNS:xn--bcher-kva.test' $from $to
issue expired localhost 'DNS:localhost, IP:127.0.0.1' $from 20210101000000Z
issue future localhost 'DNS:localhost, IP:127.0.0.1' 21190101000000Z $to
issue client 'a client' - $from $to

self_signed() { # name, common name, subjectAltName
  request "$1" "$2"
  printf 'subjectAltName = %b\n' "$3" >"$work/ext"
  openssl ca -batch -notext -config "$work/ca.cnf" -selfsign -keyfile "$1.key.pem" -extfile "$work/ext" \
    -startdate $from -enddate $to -in "$work/$1.csr" -out "$1.pem"
}
self_signed selfsigned localhost 'DNS:localhost, IP:127.0.0.1'
self_signed commonname name.test '@names\n[names]\nIP.1 = 127.0.0.1\nURI.1 = https://a/, DNS:name.test'
# Nothing more is to be signed in passing.
rm ca.key.pem
