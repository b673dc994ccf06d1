import type { Kysely } from 'kysely'
import { createBus } from '@payflow/queue'
import type { Bus, BusEvent } from '@payflow/queue'

/** The bus of the recipes. */
export function startShopBus(
  db: Kysely<any>,
  url: string,
  onEvent: (event: BusEvent) => void,
): Bus {
  // #region main
  const bus = createBus({ broker: { url }, db, source: 'shop', onEvent })
  bus.relay().start() // sends what the outbox holds
  // #endregion main
  return bus
}
