import { Download, Inbox, Printer } from 'lucide-react'
import { Link } from 'react-router'
import { toast } from 'sonner'
import { useState } from 'react'
import type { StatementLine, StatementSummary } from '@payflow-app/contracts'
import { problemText } from '../api/problem.ts'
import { Button } from '../components/button.tsx'
import { EmptyState, LoadError, SkeletonRows } from '../components/feedback.tsx'
import { PageHeading } from '../components/page-heading.tsx'
import { PeriodFields } from '../components/period-fields.tsx'
import { useAddress } from '../hooks/use-address.ts'
import { useStatement } from '../hooks/queries.ts'
import { usePersonName } from '../hooks/use-person.ts'
import { useWallet } from '../hooks/use-wallet.ts'
import { formatMinor } from '../money.ts'
import { momentsOf, shortTime } from '../time.ts'
import { statementWord } from '../words.ts'

/** What moved in the wallet, with the balance after each line. */
export function StatementPage() {
  const [params, set] = useAddress()
  const [from, to] = [params.get('from') ?? '', params.get('to') ?? '']
  const period = momentsOf(from, to)
  const statement = useStatement(period)
  const pages = statement.data?.pages ?? []
  const lines = pages.flatMap((page) => page.items)
  const [first] = pages
  return (
    <div className='mx-auto max-w-3xl'>
      <PageHeading title='Statement' />
      <div className='mb-4 grid grid-cols-2 items-end gap-2 sm:grid-cols-4 print:hidden'>
        <PeriodFields from={from} to={to} onChange={set} />
        <DownloadButton period={period} />
        <Button
          variant='quiet'
          icon={<Printer aria-hidden='true' className='size-4' />}
          onClick={() => print()}
        >
          Print
        </Button>
      </div>
      {first?.summary && <Summary summary={first.summary} currency={first.currency} />}
      <section className='card overflow-hidden' aria-busy={statement.isFetching}>
        {statement.isPending && <SkeletonRows rows={6} />}
        {statement.data === undefined && statement.isError && (
          <LoadError error={statement.error} onRetry={() => void statement.refetch()} />
        )}
        {statement.isSuccess && lines.length === 0 && (
          <EmptyState icon={Inbox} title='Nothing moved'>
            In these days no money came or went.
          </EmptyState>
        )}
        {first && lines.length > 0 && <Lines lines={lines} currency={first.currency} />}
      </section>
      {statement.hasNextPage && (
        <div className='mt-4 text-center print:hidden'>
          <Button
            variant='quiet'
            busy={statement.isFetchingNextPage}
            onClick={() => void statement.fetchNextPage()}
          >
            Show more lines
          </Button>
        </div>
      )}
    </div>
  )
}

function DownloadButton({ period }: { readonly period: { from?: string; to?: string } }) {
  const { api } = useWallet()
  const [busy, setBusy] = useState(false)
  async function download(): Promise<void> {
    setBusy(true)
    try {
      save(await api.statementCsv(period), 'statement.csv')
    } catch (error) {
      toast.error('The statement could not be downloaded.', { description: problemText(error) })
    } finally {
      setBusy(false)
    }
  }
  return (
    <Button
      variant='quiet'
      busy={busy}
      icon={<Download aria-hidden='true' className='size-4' />}
      onClick={() => void download()}
    >
      CSV
    </Button>
  )
}

/** By then any browser has begun to read what it saves; nothing tells us when it has. */
const SAVE_WITHIN_MS = 60_000

/** Hands a text to the browser as a file. */
function save(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // Not at once: the click only asks for the download, and some browsers look the address up later.
  setTimeout(() => URL.revokeObjectURL(url), SAVE_WITHIN_MS)
}

function Summary(props: { readonly summary: StatementSummary; readonly currency: string }) {
  const { opening, moneyIn, moneyOut, closing } = props.summary
  const figures = {
    Opening: opening,
    'Money in': moneyIn,
    'Money out': moneyOut,
    Closing: closing,
  }
  return (
    <dl className='card mb-4 grid grid-cols-2 gap-x-4 gap-y-3 p-5 sm:grid-cols-4'>
      {Object.entries(figures).map(([label, minor]) => (
        <div key={label}>
          <dt className='text-sm text-soft'>{label}</dt>
          <dd className='font-semibold tabular-nums'>{formatMinor(minor, props.currency)}</dd>
        </div>
      ))}
    </dl>
  )
}

function Lines(props: { readonly lines: readonly StatementLine[]; readonly currency: string }) {
  return (
    <table className='w-full text-sm'>
      <thead className='border-b border-line text-left text-soft'>
        <tr>
          <th className='px-4 py-3 font-medium sm:px-5'>What</th>
          <th className='px-2 py-3 text-right font-medium'>Amount</th>
          <th className='px-4 py-3 text-right font-medium sm:px-5'>Balance</th>
        </tr>
      </thead>
      <tbody className='divide-y divide-line'>
        {props.lines.map((line) => (
          <Line key={line.no} line={line} currency={props.currency} />
        ))}
      </tbody>
    </table>
  )
}

function Line(props: { readonly line: StatementLine; readonly currency: string }) {
  const { at, kind, transactionId, counterpartyId, amount, balance } = props.line
  const { user } = useWallet()
  const name = usePersonName(counterpartyId ?? user.id)
  const what = counterpartyId === null ? statementWord[kind] : name
  const money = formatMinor(Math.abs(amount), props.currency)
  return (
    <tr>
      <td className='max-w-0 px-4 py-3 sm:px-5'>
        <span className='block font-medium break-words'>
          {transactionId === null ? (
            what
          ) : (
            <Link to={`/payments/${transactionId}`} className='hover:underline'>
              {what}
            </Link>
          )}
        </span>
        <span className='block text-soft'>
          {counterpartyId !== null && `${statementWord[kind]} · `}
          <time dateTime={at}>{shortTime(at, new Date())}</time>
        </span>
      </td>
      <td
        className={`w-px px-2 py-3 text-right font-semibold tabular-nums ${amount > 0 ? 'text-good' : ''}`}
      >
        {amount > 0 ? `+${money}` : `−${money}`}
      </td>
      <td className='w-px px-4 py-3 text-right tabular-nums sm:px-5'>
        {formatMinor(balance, props.currency)}
      </td>
    </tr>
  )
}
