import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { createTestDatabase } from '@payflow/testkit'
import type { TestDatabase } from '@payflow/testkit'
import { testDatabase } from './payments.ts'
import type { PaymentsDatabase } from './payments.ts'

/** A payments database that belongs to one test file. */
export interface Payments {
  readonly db: Kysely<PaymentsDatabase>
  readonly url: string
}

/** Gives the test file its database before its first test; `emptied` before each of them, or never. */
export function usePayments(
  ready: (payments: Payments) => void,
  { emptied = true }: { readonly emptied?: boolean } = {},
): void {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase(testDatabase)
    ready({ db: database.db, url: database.url })
  })
  afterAll(() => database.dispose())
  if (!emptied) return
  beforeEach(async () => {
    await sql`truncate payments, fence, effect`.execute(database.db)
  })
}
