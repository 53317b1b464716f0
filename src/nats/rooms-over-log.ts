import { Observable } from 'rxjs';
import { RoomHub } from './room-hub.ts';
import type { RoomLog } from './room-log.ts';
import { RoomMember } from './room-member.ts';
import { bytesOf, checkRoom, planJoin, planPublish } from './rooms-plan.ts';
import type { Rooms } from './rooms-types.ts';

/** Makes rooms over a log. @param buffer maximum bytes that wait for a slow member. */
export function roomsOverLog(log: RoomLog, buffer: number): Rooms {
  const hub = new RoomHub(log);
  return {
    publish: (room, data, options = {}) => {
      checkRoom(room);
      return log.append(room, planPublish(options), bytesOf(data));
    },
    join: (room, options = {}) => {
      checkRoom(room);
      const joining = planJoin(options);
      return new Observable((out) => {
        const member = new RoomMember(room, joining, log, buffer, out);
        hub.add(room, member);
        member.start();
        return () => {
          member.stop();
          hub.remove(room, member);
        };
      });
    },
  };
}
