import { readFileSync } from 'node:fs';

/** A key and its certificate, as `node:tls` takes them. */
export interface Identity {
  readonly key: string;
  readonly cert: string;
}

const read = (name: string): string => readFileSync(new URL(`./certs/${name}.pem`, import.meta.url), 'utf8');
const identity = (name: string): Identity => ({ key: read(`${name}.key`), cert: read(name) });

/** The authority that signed all of these except `selfSigned` and `commonName`; valid until 2120. See certs/generate.sh. */
export const ca: string = read('ca');
/** For localhost, 127.0.0.1 and ::1. */
export const server: Identity = identity('server');
/** For other.test. */
export const other: Identity = identity('other');
/** For *.wild.test and bücher.test. */
export const names: Identity = identity('names');
/** For localhost and 127.0.0.1, until 2021. */
export const expired: Identity = identity('expired');
/** For localhost and 127.0.0.1, from 2119 on. */
export const future: Identity = identity('future');
/** For localhost and 127.0.0.1, signed by itself. */
export const selfSigned: Identity = identity('selfsigned');
/** A client's; names no host. */
export const client: Identity = identity('client');
/** For 127.0.0.1 and a URI with `DNS:name.test` in it; signed by itself. Its common name is name.test. */
export const commonName: Identity = identity('commonname');
