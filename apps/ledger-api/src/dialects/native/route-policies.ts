import 'reflect-metadata';
import { GUARDS_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { NativeGuard } from './native.guard.js';
import { contractOf } from './routes/route-contract.js';

/**
 * Makes sure that every route of the given controllers says who may call it, and is guarded.
 *
 * @throws Error Naming the routes that do not: the service must not start with them (A1).
 */
export function assertPolicies(controllers: readonly (new (...parts: never[]) => object)[]): void {
  const open = controllers.flatMap((controller) => {
    const guards = (Reflect.getMetadata(GUARDS_METADATA, controller) ?? []) as readonly unknown[];
    const isGuarded = guards.includes(NativeGuard);
    return routesOf(controller)
      .filter(({ handler }) => !isGuarded || contractOf(handler) === undefined)
      .map(({ name }) => `${controller.name}.${name}`);
  });
  if (open.length > 0) throw new Error(`routes without a policy: ${open.join(', ')}`);
}

interface Route {
  readonly name: string;
  readonly handler: object;
}

/** The class itself, which `constructor` names, bears the path of all its routes, and is none. */
function routesOf(controller: new (...parts: never[]) => object): readonly Route[] {
  const members = Object.getOwnPropertyDescriptors(controller.prototype as object);
  return Object.entries(members)
    .map(([name, { value }]) => ({ name, handler: value as unknown }))
    .filter((route): route is Route => {
      const { name, handler } = route;
      return (
        name !== 'constructor' &&
        typeof handler === 'function' &&
        Reflect.hasMetadata(PATH_METADATA, handler)
      );
    });
}
