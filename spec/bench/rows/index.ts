import type { Row } from '../row.ts';
import { connectEchoClose1, connectEchoClose100 } from './connect-echo-close.ts';
import { echo1, echo100 } from './echo.ts';
import { handshakeByCount, handshakeByDelimiter } from './handshake.ts';
import { idleAccepted, idleAcceptedCallback, idleClient, idleClientCallback } from './idle-memory.ts';
import { lines100 } from './lines.ts';
import { handshakes10, passthrough1, passthrough10 } from './passthrough.ts';
import { pingPong } from './ping-pong.ts';
import { rc4Echo } from './rc4.ts';
import { receive1m, receive64k } from './receive.ts';
import { redisPipelined, redisSingle } from './redis.ts';
import { relayed } from './relay.ts';
import { send1m, send64k, sendSource1m, sendSource64k } from './send.ts';
import { smallWrites } from './small-writes.ts';
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
  smallWrites,
  pingPong,
  idleClient,
  idleClientCallback,
  idleAccepted,
  idleAcceptedCallback,
  passthrough1,
  passthrough10,
  handshakes10,
  rc4Echo,
  tlsReceive64k,
  tlsSend64k,
  handshakeByCount,
  handshakeByDelimiter,
  lines100,
  relayed,
  redisPipelined,
  redisSingle,
];
