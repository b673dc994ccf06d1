import type { StatementLine } from '@payflow-app/contracts'
import { formatDecimal } from '@payflow/ledger'
import { csvOf, Decimal } from './csv.ts'
import type { StatementSlice } from './statement.ts'

const head = ['Date', 'Type', 'Other party', 'Transaction', 'Amount', 'Balance', 'Currency']

/** A statement as a table, with its opening and closing balance as lines of their own. */
export function statementCsv(statement: Omit<StatementSlice, 'next'>): string {
  const { currency, opening, lines } = statement
  const amount = (minor: number) => new Decimal(formatDecimal(BigInt(minor), currency))
  const balanceLine = (type: string, minor: number) => {
    return ['', type, '', '', '', amount(minor), currency]
  }
  const rowOf = (line: StatementLine) => [
    line.at,
    line.kind.replaceAll('_', ' '),
    line.counterpartyId ?? '',
    line.transactionId ?? '',
    amount(line.amount),
    amount(line.balance),
    currency,
  ]
  return csvOf([
    head,
    balanceLine('opening balance', opening),
    ...lines.map(rowOf),
    balanceLine('closing balance', lines.at(-1)?.balance ?? opening),
  ])
}
