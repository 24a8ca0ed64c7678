import { Matches } from 'class-validator';
import { IsEventTypes } from '../events/events.dto.js';
import { IsInstant, Omittable } from '../management/validators.js';
import { UUID_FORM } from '../people/people.dto.js';

export const ACTOR_FORM = '^[A-Za-z0-9-]{1,64}$';

/** `limit` and `cursor` have no defaults here: an export takes neither, and says so when it is given one. */
export class AuditQuery {
  @Omittable()
  @IsEventTypes()
  readonly type?: string;

  @Omittable()
  @Matches(new RegExp(UUID_FORM), { message: 'must be a UUID' })
  readonly tokenId?: string;

  @Omittable()
  @Matches(new RegExp(ACTOR_FORM), { message: 'must be the id of a user or a token, or system' })
  readonly actor?: string;

  @Omittable()
  @IsInstant()
  readonly from?: string;

  @Omittable()
  @IsInstant()
  readonly to?: string;

  @Omittable()
  @Matches(/^(?:[1-9]\d?|1\d\d|200)$/, { message: 'must be a whole number from 1 to 200' })
  readonly limit?: string;

  @Omittable()
  @Matches(/^[A-Za-z0-9_-]{1,1024}$/, { message: 'must be the nextCursor of an earlier page' })
  readonly cursor?: string;
}
