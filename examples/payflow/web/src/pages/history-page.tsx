import { Inbox } from 'lucide-react'
import { useSearchParams } from 'react-router'
import type { PaymentStatus } from '@payflow-app/contracts'
import { Button } from '../components/button.tsx'
import { EmptyState, LoadError, SkeletonRows } from '../components/feedback.tsx'
import { PageHeading } from '../components/page-heading.tsx'
import { PaymentList } from '../components/payment-list.tsx'
import { useHistory } from '../hooks/queries.ts'
import { statusWord } from '../words.ts'

const filters: readonly (PaymentStatus | undefined)[] = [
  undefined,
  'PENDING',
  'COMPLETED',
  'FAILED',
]

export function HistoryPage() {
  // The filter is in the address, so that back, reload and a shared link keep it.
  const [params, setParams] = useSearchParams()
  const wanted = params.get('status')
  const status = filters.find((filter) => filter === wanted)
  const history = useHistory(status)
  const payments = history.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <div className='mx-auto max-w-2xl'>
      <PageHeading title='History' />
      <div role='group' aria-label='Show' className='mb-4 flex flex-wrap gap-2'>
        {filters.map((filter) => (
          <button
            key={filter ?? 'all'}
            type='button'
            aria-pressed={filter === status}
            onClick={() => setParams(filter ? { status: filter } : {}, { replace: true })}
            className='pill'
          >
            {filter ? statusWord[filter] : 'All'}
          </button>
        ))}
      </div>
      <section className='card overflow-hidden' aria-busy={history.isFetching}>
        {history.isPending && <SkeletonRows rows={6} />}
        {history.data === undefined && history.isError && (
          <LoadError error={history.error} onRetry={() => void history.refetch()} />
        )}
        {history.isSuccess && payments.length === 0 && (
          <EmptyState icon={Inbox} title={status ? 'None of these' : 'No payments yet'}>
            {status
              ? `You have no payments that are ${statusWord[status].toLowerCase()}.`
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
