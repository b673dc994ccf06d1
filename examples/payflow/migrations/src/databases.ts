import { sql, type Kysely } from 'kysely'
import { migrateLedger, type LedgerRoles } from '@payflow/ledger'
import { createQueueMigrations, migrateQueue } from '@payflow/queue'
import { createReversalMigrations, migrateReversal } from '@payflow/reversal'
import {
  applyScripts,
  isNewer,
  recordOf,
  type MigrationRecord,
  type Scripts,
} from './app-migrator.ts'
import { users } from './auth/0001-users.ts'
import { accountSecurity } from './auth/0002-account-security.ts'
import { retention } from './auth/0003-retention.ts'
import { notifications } from './notification/0001-notifications.ts'
import { notificationKinds } from './notification/0002-payment-kinds.ts'
import { mail } from './notification/0003-mail.ts'
import { notificationRetention } from './notification/0004-retention.ts'
import { payments } from './transaction/0001-payments.ts'
import { paymentTally } from './transaction/0002-payment-tally.ts'
import { paymentEvents } from './transaction/0003-payment-events.ts'
import { paymentKinds } from './transaction/0004-payment-kinds.ts'
import { claimsByKey } from './transaction/0005-claims-by-key.ts'
import { wallets } from './wallet/0001-wallets.ts'

/** The services that own a database. */
export const DATABASES = ['auth', 'wallet', 'transaction', 'notification'] as const

/** A service that owns a database. */
export type DatabaseName = (typeof DATABASES)[number]

const scripts: Readonly<Record<DatabaseName, Scripts>> = {
  auth: {
    '0001-users': users,
    '0002-account-security': accountSecurity,
    '0003-retention': retention,
  },
  wallet: { '0001-wallets': wallets },
  transaction: {
    '0001-payments': payments,
    '0002-payment-tally': paymentTally,
    '0003-payment-events': paymentEvents,
    '0004-payment-kinds': paymentKinds,
    '0005-claims-by-key': claimsByKey,
  },
  notification: {
    '0001-notifications': notifications,
    '0002-payment-kinds': notificationKinds,
    '0003-mail': mail,
    '0004-retention': notificationRetention,
  },
}

async function queueRecord(): Promise<MigrationRecord> {
  const known = await createQueueMigrations().getMigrations()
  return { table: 'queue.queue_migration', names: Object.keys(known) }
}

async function reversalRecord(): Promise<MigrationRecord> {
  const known = await createReversalMigrations().getMigrations()
  return { table: 'reversal.reversal_migration', names: Object.keys(known) }
}

/** Tells whether a later version of PayFlow has migrated this database; see {@link isNewer}. */
export async function isNewerThanOurs(db: Kysely<any>, name: DatabaseName): Promise<boolean> {
  const records = [recordOf(scripts[name]), await queueRecord(), await reversalRecord()]
  for (const record of records) if (await isNewer(db, record)) return true
  return false
}

async function bringQueue(db: Kysely<any>): Promise<void> {
  if (!(await isNewer(db, await queueRecord()))) await migrateQueue(db)
}

/** Brings the queue's tables and those of auth-service to the newest version. */
export async function migrateAuth(db: Kysely<any>): Promise<void> {
  await bringQueue(db)
  await applyScripts(db, scripts.auth)
}

/**
 * Brings the ledger and the tables of wallet-service to the newest version. The ledger grants its
 * own roles what they may do; without any it belongs to who migrates, which is enough for a test.
 */
export async function migrateWallet(
  db: Kysely<any>,
  roles: LedgerRoles | 'none' = 'none',
): Promise<void> {
  await migrateLedger(db, { roles })
  await applyScripts(db, scripts.wallet)
}

/**
 * Brings the tables of the queue, of the reversal job and of transaction-service to the newest
 * version.
 */
export async function migrateTransaction(db: Kysely<any>): Promise<void> {
  await bringQueue(db)
  if (!(await isNewer(db, await reversalRecord()))) await migrateReversal(db)
  await applyScripts(db, scripts.transaction)
}

/** Brings the queue's tables and those of notification-service to the newest version. */
export async function migrateNotification(db: Kysely<any>): Promise<void> {
  await bringQueue(db)
  await applyScripts(db, scripts.notification)
}

/** Brings the tables of one service to the newest version, whichever it is. */
export const migrations: Readonly<
  Record<DatabaseName, (db: Kysely<any>, ledgerRoles: LedgerRoles) => Promise<void>>
> = {
  auth: migrateAuth,
  wallet: migrateWallet,
  transaction: migrateTransaction,
  notification: migrateNotification,
}

const queueGrants = [
  'grant usage on schema queue to $role',
  'grant select, insert, update, delete on queue.inbox, queue.attempt, queue.outbox to $role',
  'grant select, update on queue.partition to $role',
  'grant select, insert, update, delete on queue.outbox_confirmed, queue.consumer_count to $role',
  'grant select, insert, update, delete on queue.claim to $role',
  'grant select, insert, update, delete on queue.outbox_removed, queue.inbox_removed to $role',
  'grant select, insert, update on queue.operator_action to $role',
]

/** What the role of each service may do: its own work and no more. */
const grants: Readonly<Record<DatabaseName, readonly string[]>> = {
  auth: [
    ...queueGrants,
    'grant select, insert on public.users to $role',
    'grant update (password_hash, password_version, password_changed_at) on public.users to $role',
    'grant select, insert, update, delete on public.login_guards to $role',
    // FOR UPDATE takes the right to update as well.
    'grant select, insert, update, delete on public.reset_requests to $role',
    'grant select, insert, update, delete on public.reset_tokens to $role',
    'grant select, insert on public.audit_events to $role',
    // Only what is older than 90 days, which a trigger sees to.
    'grant execute on function public.purge_audit_events(interval, integer) to $role',
    'grant select, insert, update, delete on public.refresh_families to $role',
    'grant select, insert, update, delete on public.refresh_tokens to $role',
    'grant select, insert, update on public.wallet_provisioning to $role',
  ],
  // And what the ledger's own migration grants to the role of its application.
  wallet: ['grant select, insert on public.wallets to $role'],
  transaction: [
    ...queueGrants,
    'grant select, insert, update on public.payment_claims to $role',
    'grant select, insert, update on public.payments to $role',
    'grant select, insert, delete on public.payment_tally to $role',
    // Its triggers write it.
    'grant select on public.payment_events to $role',
    'grant usage on schema reversal to $role',
    'grant select, insert, update on reversal.job to $role',
  ],
  notification: [
    ...queueGrants,
    'grant select, insert, update, delete on public.notifications to $role',
    'grant select, insert, update, delete on public.mail_deliveries to $role',
    'grant select, insert, update on public.mail_preferences to $role',
  ],
}

/** Gives a role what its service needs in a migrated database. Safe to repeat. */
export async function grantRole(db: Kysely<any>, name: DatabaseName, role: string): Promise<void> {
  await sql`grant usage on schema public to ${sql.id(role)}`.execute(db)
  for (const statement of grants[name]) {
    const [before = '', after = ''] = statement.split('$role')
    await sql`${sql.raw(before)}${sql.id(role)}${sql.raw(after)}`.execute(db)
  }
}
