import { type Kysely, sql } from 'kysely'

/** Our ledger with a guarantee taken out or put in, to see what it costs. Never a ledger to use. */
export interface Variant {
  readonly name: string
  /** What is missing or added, of a freshly migrated schema. */
  readonly change: (db: Kysely<any>) => Promise<void>
}

/** The ledger as it is. */
export const SHIPPED: Variant = { name: 'as shipped', change: () => Promise.resolve() }

const withoutChain: Variant = {
  name: 'without the hash chain',
  change: (db) =>
    // The head still moves with the sequence, as the guard of accounts wants it.
    edit(db, 'transfer', [
      [/v_payload := convert_to\([\s\S]*?'UTF8'\);/, ''],
      [/sha256\(v_debit\.head \|\| v_payload\)/, 'int8send(v_debit.seq + 1)'],
      [/sha256\(v_credit\.head \|\| v_payload\)/, 'int8send(v_credit.seq + 1)'],
    ]),
}

const withoutGuards: Variant = {
  name: 'without the append-only triggers',
  change: async (db) => {
    for (const table of ['transfer', 'account']) {
      await sql`alter table ledger.${sql.raw(table)} disable trigger user`.execute(db)
    }
  },
}

const withoutRules: Variant = {
  name: 'without the CHECK of each row',
  change: async (db) => {
    for (const table of ['transfer', 'account']) {
      const constraint = sql.raw(`${table}_sound`)
      await sql`alter table ledger.${sql.raw(table)} drop constraint ${constraint}`.execute(db)
    }
  },
}

const withoutDefiner: Variant = {
  name: 'without SECURITY DEFINER and pinned search path',
  change: async (db) => {
    await sql`alter function ledger.transfer security invoker`.execute(db)
    await sql`alter function ledger.transfer reset all`.execute(db)
  },
}

const withForeignKeys: Variant = {
  name: 'with foreign keys to both accounts',
  change: async (db) => {
    await sql`alter table ledger.transfer
      add foreign key (debit_id) references ledger.account (id),
      add foreign key (credit_id) references ledger.account (id)`.execute(db)
  },
}

const bare: Variant = {
  name: 'without all four',
  change: async (db) => {
    for (const each of [withoutChain, withoutGuards, withoutRules, withoutDefiner]) {
      await each.change(db)
    }
  },
}

/** Each guarantee taken out alone, foreign keys put in, and everything out. */
export const VARIANTS: readonly Variant[] = [
  // A quick run takes the first two.
  withoutChain,
  withForeignKeys,
  withoutGuards,
  withoutRules,
  withoutDefiner,
  bare,
]

/** Replaces parts of a function's text. A part that is not there any more is an error. */
async function edit(
  db: Kysely<any>,
  name: string,
  replacements: readonly (readonly [part: RegExp, by: string])[],
): Promise<void> {
  const { rows } = await sql<{ text: string }>`
    select pg_get_functiondef(${`ledger.${name}`}::regproc) as text`.execute(db)
  let text = rows[0]?.text ?? ''
  for (const [part, by] of replacements) {
    const edited = text.replace(part, by)
    if (edited === text) throw new Error(`ledger.${name} has no ${part} any more`)
    text = edited
  }
  await sql.raw(text).execute(db)
}
