import type { Row } from '../row.ts';
import { accepted1, accepted100, acceptedFh100 } from './accepted.ts';
import { connectEchoClose1, connectEchoClose100 } from './connect-echo-close.ts';
import { echo1, echo100 } from './echo.ts';
import { diagnosed } from './diagnostics.ts';
import { handshakeByCount, handshakeByDelimiter } from './handshake.ts';
import { idleAccepted, idleAcceptedCallback, idleClient, idleClientCallback } from './idle-memory.ts';
import { lines100 } from './lines.ts';
import { muxBulk } from './mux.ts';
import { natsBulk } from './nats.ts';
import { otherLibraries } from './other-libraries.ts';
import { pingPong } from './ping-pong.ts';
import { pluginRows } from './plugins.ts';
import { rc4Echo } from './rc4.ts';
import { receive1m, receive64k } from './receive.ts';
import { redisPipelined, redisSingle } from './redis.ts';
import { relayed } from './relay.ts';
import { send1m, send64k, sendSource1m, sendSource64k } from './send.ts';
import { smallWrites } from './small-writes.ts';
import { tlsHandshakes } from './tls-handshakes.ts';
import { tlsReceive64k, tlsSend64k } from './tls.ts';

export const rows: readonly Row[] = [
  receive64k,
  receive1m,
  send64k,
  send1m,
  sendSource64k,
  sendSource1m,
  echo1,
  echo100,
  connectEchoClose1,
  connectEchoClose100,
  diagnosed,
  accepted1,
  accepted100,
  acceptedFh100,
  ...otherLibraries,
  smallWrites,
  pingPong,
  idleClient,
  idleClientCallback,
  idleAccepted,
  idleAcceptedCallback,
  ...pluginRows,
  rc4Echo,
  tlsReceive64k,
  tlsSend64k,
  ...tlsHandshakes,
  handshakeByCount,
  handshakeByDelimiter,
  lines100,
  relayed,
  muxBulk,
  natsBulk,
  redisPipelined,
  redisSingle,
];
