/** Bodies of `/api/wallets/me/statement`. */
import { z } from 'zod'
import {
  currencyField,
  cursorField,
  idField,
  instantField,
  limitField,
  momentField,
  moneyField,
  pageOf,
} from './fields.ts'
import { PAYMENT_KINDS } from './statuses.ts'

/** What a line of a statement is: what moved money, or what the wallet was opened with. */
export const STATEMENT_KINDS = [...PAYMENT_KINDS, 'opening_credit', 'other'] as const

/** What a line of a statement is. */
export type StatementKind = (typeof STATEMENT_KINDS)[number]

const period = {
  from: momentField.optional().describe('Inclusive; without it, from the beginning.'),
  to: momentField.optional().describe('Exclusive; without it, until now.'),
}

/** `GET /api/wallets/me/statement.csv?from=&to=` */
export const statementCsvQuery = z.object(period)
export type StatementCsvQuery = z.infer<typeof statementCsvQuery>

/** `GET /api/wallets/me/statement?from=&to=&limit=&cursor=`, oldest first. */
export const statementQuery = z.object({
  ...period,
  limit: limitField,
  cursor: cursorField.optional(),
})
export type StatementQuery = z.infer<typeof statementQuery>

/** One movement of a wallet, as the ledger has it. */
export const statementLine = z.object({
  /** Its place in the wallet: 1, 2, 3 … without gaps. */
  no: z.int(),
  at: instantField,
  kind: z.enum(STATEMENT_KINDS),
  transactionId: idField.nullable().describe('Null for what no transaction was asked for.'),
  counterpartyId: idField.nullable().describe('Null for what came from nobody.'),
  amount: z.int().describe('Minor units; what went out is negative.'),
  balance: moneyField.describe('Minor units: the balance after this line.'),
})
export type StatementLine = z.infer<typeof statementLine>

/** What a whole period comes to. `closing` = `opening` + `moneyIn` − `moneyOut`. */
export const statementSummary = z.object({
  opening: moneyField,
  closing: moneyField,
  moneyIn: moneyField,
  moneyOut: moneyField,
  lines: z.int(),
})
export type StatementSummary = z.infer<typeof statementSummary>

/** A page of a statement. Each page opens with the closing of the one before. */
export const statementPage = pageOf(statementLine).extend({
  currency: currencyField,
  opening: moneyField.describe('Minor units: the balance before the first line of this page.'),
  summary: statementSummary.nullable().describe('The whole period; on the first page only.'),
})
export type StatementPage = z.infer<typeof statementPage>
