import { FileText, Inbox } from 'lucide-react'
import { Link } from 'react-router'
import { PAYMENT_KINDS, type PaymentStatus } from '@payflow-app/contracts'
import type { HistoryQuery } from '../api/client.ts'
import { Button, buttonClass } from '../components/button.tsx'
import { EmptyState, LoadError, SkeletonRows } from '../components/feedback.tsx'
import { PageHeading } from '../components/page-heading.tsx'
import { PaymentList } from '../components/payment-list.tsx'
import { PeriodFields } from '../components/period-fields.tsx'
import { useAddress } from '../hooks/use-address.ts'
import { useHistory } from '../hooks/queries.ts'
import { usePersonName } from '../hooks/use-person.ts'
import { momentsOf } from '../time.ts'
import { kindWord, statusWord } from '../words.ts'

const statuses: readonly (PaymentStatus | undefined)[] = [
  undefined,
  'PENDING',
  'COMPLETED',
  'FAILED',
]
const directions = ['sent', 'received'] as const
const directionWord = { sent: 'Sent', received: 'Received' } as const

/** What the address says; whatever is not ours is left out. */
function filtersOf(params: URLSearchParams): HistoryQuery {
  const one = <T extends string>(name: string, known: readonly (T | undefined)[]) =>
    known.find((value) => value !== undefined && value === params.get(name))
  const status = one('status', statuses)
  const kind = one('kind', PAYMENT_KINDS)
  const direction = one('direction', directions)
  const counterpartyId = params.get('with') ?? ''
  return {
    ...(status && { status }),
    ...(kind && { kind }),
    ...(direction && { direction }),
    ...(counterpartyId && { counterpartyId }),
    ...momentsOf(params.get('from') ?? '', params.get('to') ?? ''),
  }
}

export function HistoryPage() {
  // The filters are in the address, so that back, reload and a shared link keep them.
  const [params, set] = useAddress()
  const filters = filtersOf(params)
  const isFiltered = Object.keys(filters).length > 0
  const history = useHistory(filters)
  const payments = history.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <div className='mx-auto max-w-2xl'>
      <PageHeading title='History'>
        <Link to='/statement' className={buttonClass('plain')}>
          <FileText aria-hidden='true' className='size-4' />
          Statement
        </Link>
      </PageHeading>
      <Filters params={params} filters={filters} onSet={set} />
      <section className='card overflow-hidden' aria-busy={history.isFetching}>
        {history.isPending && <SkeletonRows rows={6} />}
        {history.data === undefined && history.isError && (
          <LoadError error={history.error} onRetry={() => void history.refetch()} />
        )}
        {history.isSuccess && payments.length === 0 && (
          <EmptyState icon={Inbox} title={isFiltered ? 'None of these' : 'No payments yet'}>
            {isFiltered
              ? 'Nothing in your history is like this.'
              : 'What you send and what you get is listed here.'}
          </EmptyState>
        )}
        <PaymentList payments={payments} />
      </section>
      {history.hasNextPage && (
        <div className='mt-4 text-center'>
          <Button
            variant='quiet'
            busy={history.isFetchingNextPage}
            onClick={() => void history.fetchNextPage()}
          >
            Show older payments
          </Button>
        </div>
      )}
      {history.isFetchNextPageError && (
        <LoadError error={history.error} onRetry={() => void history.fetchNextPage()} />
      )}
    </div>
  )
}

function Filters(props: {
  readonly params: URLSearchParams
  readonly filters: HistoryQuery
  readonly onSet: (name: string, value: string) => void
}) {
  const { params, filters, onSet: set } = props
  return (
    <>
      <div role='group' aria-label='Show' className='mb-3 flex flex-wrap gap-2'>
        {statuses.map((status) => (
          <button
            key={status ?? 'all'}
            type='button'
            aria-pressed={status === filters.status}
            onClick={() => set('status', status ?? '')}
            className='pill'
          >
            {status ? statusWord[status] : 'All'}
          </button>
        ))}
      </div>
      <div className='mb-4 grid grid-cols-2 gap-2 sm:grid-cols-4'>
        <Choice
          label='Type'
          value={filters.kind ?? ''}
          words={kindWord}
          onChoose={(value) => set('kind', value)}
        />
        <Choice
          label='Direction'
          value={filters.direction ?? ''}
          words={directionWord}
          onChoose={(value) => set('direction', value)}
        />
        <PeriodFields from={params.get('from') ?? ''} to={params.get('to') ?? ''} onChange={set} />
      </div>
      {filters.counterpartyId !== undefined && (
        <With id={filters.counterpartyId} onClear={() => set('with', '')} />
      )}
    </>
  )
}

function Choice(props: {
  readonly label: string
  readonly value: string
  readonly words: Readonly<Record<string, string>>
  readonly onChoose: (value: string) => void
}) {
  return (
    <label className='text-sm'>
      <span className='mb-1 block text-soft'>{props.label}</span>
      <select
        value={props.value}
        onChange={(event) => props.onChoose(event.target.value)}
        className='input-frame min-h-11 w-full'
      >
        <option value=''>All</option>
        {Object.entries(props.words).map(([value, word]) => (
          <option key={value} value={value}>
            {word}
          </option>
        ))}
      </select>
    </label>
  )
}

function With(props: { readonly id: string; readonly onClear: () => void }) {
  const name = usePersonName(props.id)
  return (
    <p className='mb-4 flex items-center gap-2 text-sm'>
      {`With ${name} only`}
      <Button variant='plain' onClick={props.onClear}>
        Show everybody
      </Button>
    </p>
  )
}
