import { IsIn, Matches } from 'class-validator';
import { UPCASTERS } from '@ledger/event-store';
import { Omittable } from '../management/validators.js';

const TYPES_MAX = 32;
export const POSITION_FORM = '^(?:0|[1-9][0-9]{0,17})$';
export const LIMIT_FORM = '^[1-9][0-9]{0,8}$';
export const STREAM_FORM = '^[a-z]{1,16}-[A-Za-z0-9-]{1,128}$';
export const EVENT_TYPES = Object.keys(UPCASTERS);

/** The id or the slug of an organization, as far as its form tells. */
export const ORGANIZATION_FORM = '^[A-Za-z0-9-]{1,64}$';

const ANY_TYPE = `(?:${EVENT_TYPES.join('|')})`;
/** One name of an event type, or several with commas between. */
export const EVENT_TYPES_FORM = `^${ANY_TYPE}(?:,${ANY_TYPE}){0,${TYPES_MAX - 1}}$`;

export function IsEventTypes(): PropertyDecorator {
  const message = 'must name types of events, with commas between';
  return Matches(new RegExp(EVENT_TYPES_FORM), { message });
}

export class ReadEventsQuery {
  @Omittable()
  @Matches(new RegExp(POSITION_FORM), { message: 'must be a position of the log' })
  readonly after?: string;

  @Omittable()
  @Matches(new RegExp(LIMIT_FORM), { message: 'must be a whole number from 1 to 999999999' })
  readonly limit?: string;

  @Omittable()
  @IsEventTypes()
  readonly type?: string;

  @Omittable()
  @Matches(new RegExp(ORGANIZATION_FORM), {
    message: 'must be the id or the slug of an organization',
  })
  readonly org?: string;

  @Omittable()
  @Matches(new RegExp(STREAM_FORM), { message: 'must be the name of a stream' })
  readonly stream?: string;

  @Omittable()
  @IsIn(['true', 'false'])
  readonly follow?: 'true' | 'false';
}
