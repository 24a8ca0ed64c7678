import 'reflect-metadata';
import {
  getMetadataStorage,
  ValidateNested,
  validateSync,
  type ValidationError,
} from 'class-validator';
import type { Fault } from '../problems/problem.js';
import type { InputClass } from '../routes/route-contract.js';

const ITEM_TYPE = 'native-item-type';

/** A list of objects of one class. */
export function ListOf(type: InputClass): PropertyDecorator {
  return (target, property) => {
    ValidateNested({ each: true })(target, property);
    Reflect.defineMetadata(ITEM_TYPE, type, target, property);
  };
}

/** Text of a fault at a path inside the input. */
export interface InputFault {
  readonly path: readonly string[];
  readonly message: string;
}

/**
 * Fills an input class from parsed JSON and validates it. What the class does not know is a fault.
 *
 * Unknown members are found here by name, since class-validator takes names such as `hasOwnProperty`,
 * which every object inherits, for known ones.
 */
export function readInput<Input extends object>(
  type: InputClass<Input>,
  value: object,
): { readonly input: Input; readonly faults: readonly InputFault[] } {
  const unknown: InputFault[] = [];
  const input = fill(type, value, [], unknown);
  const errors = validateSync(input, { forbidUnknownValues: true });
  return { input, faults: [...unknown, ...errors.flatMap((error) => flatten(error, []))] };
}

/** The path of a fault as a JSON pointer (RFC 6901). */
export function atPointer({ path, message }: InputFault): Fault {
  const tokens = path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  return { pointer: tokens.join(''), message };
}

function fill<Input extends object>(
  type: InputClass<Input>,
  value: object,
  path: readonly string[],
  unknown: InputFault[],
): Input {
  const input = new type();
  const known = knownMembers(type);
  for (const [name, member] of Object.entries(value)) {
    if (!known.has(name)) {
      unknown.push({ path: [...path, name], message: 'is not known here' });
      continue;
    }
    const itemType = Reflect.getMetadata(ITEM_TYPE, type.prototype as object, name) as
      InputClass | undefined;
    const filled =
      itemType && Array.isArray(member)
        ? member.map((item: unknown, index) =>
            isObject(item) ? fill(itemType, item, [...path, name, String(index)], unknown) : item,
          )
        : member;
    Object.assign(input, { [name]: filled });
  }
  return input;
}

const known = new WeakMap<InputClass, ReadonlySet<string>>();

function knownMembers(type: InputClass): ReadonlySet<string> {
  let members = known.get(type);
  if (!members) {
    const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
    members = new Set(rules.map(({ propertyName }) => propertyName));
    known.set(type, members);
  }
  return members;
}

export function isObject(value: unknown): value is object {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function flatten(error: ValidationError, parent: readonly string[]): readonly InputFault[] {
  const { property } = error as { readonly property?: string };
  // An object in the place of a list is walked like one, and what lies in it then has no name.
  if (property === undefined) return [{ path: parent, message: 'must be a list' }];
  const path = [...parent, property];
  const own = Object.values(error.constraints ?? {}).map((message) => ({ path, message }));
  // An object in the place of a list has one child, for the object as a whole, which names no property.
  const members = (error.children ?? []).filter(
    ({ property }: Partial<ValidationError>) => property,
  );
  const found = [...own, ...members.flatMap((child) => flatten(child, path))];
  return found.length > 0 ? found : [{ path, message: 'must be of the documented form' }];
}
