import { expect, test } from 'vitest';
import * as library from 'rxjs-io-stream';
import * as testing from 'rxjs-io-stream/testing';

test('the door exports these names and no others', () => {
  expect(Object.keys(library).sort()).toMatchInlineSnapshot(`
    [
      "CONNECTED",
      "ECLOSED",
      "EDNS",
      "EDNSNODATA",
      "EDNSNXDOMAIN",
      "EFRAMELIMIT",
      "EINBUFLIMIT",
      "EOF",
      "EOUTBUFLIMIT",
      "EPROTOCOL",
      "EPROXY",
      "EPROXYAUTH",
      "EREQINBUFLIMIT",
      "EREQINEOF",
      "ETLS",
      "ETLSCERT",
      "ETLSTRUNCATED",
      "ETOCONNECT",
      "ETOHANDSHAKE",
      "ETOIDLE",
      "ETORESOLVE",
      "ETOWRITE",
      "IN",
      "IOStream",
      "IOStreamError",
      "OUT",
      "RESOLVED",
      "SENT",
      "connect",
      "converse",
      "eventNames",
      "fromFh",
      "handshake",
      "listen",
      "mapBytes",
      "open",
      "passthrough",
      "stack",
      "tcp",
      "transform",
      "unix",
    ]
  `);
});

test('the testing door exports these names and no others', () => {
  expect(Object.keys(testing).sort()).toMatchInlineSnapshot(`
    [
      "checkPlugin",
      "checkWire",
      "memoryPair",
      "rechunk",
      "scriptedPeer",
      "testDial",
      "wirePeer",
    ]
  `);
});
