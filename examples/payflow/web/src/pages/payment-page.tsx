import { Printer, RotateCcw, SearchX, Undo2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { Link, useParams } from 'react-router'
import type { RefundView, TransactionDetails } from '@payflow-app/contracts'
import { ApiProblemError } from '../api/problem.ts'
import { Avatar } from '../components/avatar.tsx'
import { Button, buttonClass } from '../components/button.tsx'
import { CopyButton } from '../components/copy-button.tsx'
import { EmptyState, LoadError, SkeletonRows } from '../components/feedback.tsx'
import { BigMoney } from '../components/money.tsx'
import { PageHeading } from '../components/page-heading.tsx'
import { StatusBadge } from '../components/status-badge.tsx'
import { Timeline } from '../components/timeline.tsx'
import { usePayment } from '../hooks/queries.ts'
import { usePaymentEvents } from '../hooks/use-payment-events.ts'
import { usePersonName } from '../hooks/use-person.ts'
import { useWallet } from '../hooks/use-wallet.ts'
import { formatMinor } from '../money.ts'
import { fullTime, shortTime } from '../time.ts'
import { direction, kindWord, leftToRefund, mayTryAgain, statusWord } from '../words.ts'

export function PaymentPage() {
  const { id = '' } = useParams()
  const { data, error, isError, refetch } = usePayment(id)
  return (
    <div className='mx-auto max-w-lg'>
      <PageHeading title={data ? kindWord[data.kind] : 'Payment'} />
      {data && <Receipt payment={data} />}
      {data === undefined && (
        <section className='card'>
          {!isError && <SkeletonRows rows={4} />}
          {isError && isMissing(error) && <Missing />}
          {isError && !isMissing(error) && (
            <LoadError error={error} onRetry={() => void refetch()} />
          )}
        </section>
      )}
    </div>
  )
}

function Receipt({ payment }: { readonly payment: TransactionDetails }) {
  const { user } = useWallet()
  const live = usePaymentEvents(payment.id, payment.status === 'PENDING')
  const way = direction(payment, user.id)
  const otherId = way === 'in' ? payment.fromUserId : payment.toUserId
  const other = usePersonName(otherId)
  const money = formatMinor(payment.amount, payment.currency)
  return (
    <article className='card rise overflow-hidden'>
      <header className='flex flex-col items-center px-6 pt-7 pb-6 text-center'>
        <Avatar id={otherId} name={other} size='lg' />
        <p className='mt-3 text-soft'>{way === 'in' ? `From ${other}` : `To ${other}`}</p>
        <p className='mt-1 mb-3 text-5xl font-semibold tracking-tight'>
          <BigMoney minor={payment.amount} currency={payment.currency} />
        </p>
        <StatusBadge status={payment.status} />
        <p role='status' className='sr-only'>
          {`${kindWord[payment.kind]} of ${money}: ${statusWord[payment.status]}.`}
        </p>
        {payment.note !== undefined && (
          <p className='mt-4 max-w-full rounded-xl bg-sunken px-4 py-2 text-sm break-words'>
            {payment.note}
          </p>
        )}
      </header>
      <div className='border-t border-line px-6 pt-5 pb-1'>
        <Timeline payment={payment} live={live} />
      </div>
      {payment.kind === 'payment' && way === 'out' && payment.status === 'FAILED' && (
        <TryAgain payment={payment} />
      )}
      <Refunds payment={payment} />
      <Facts payment={payment} />
    </article>
  )
}

/** What was refunded of a payment, and the way to refund more, for who received it. */
function Refunds({ payment }: { readonly payment: TransactionDetails }) {
  const { user } = useWallet()
  const { refunds = [], refundedAmount = 0, amount, currency } = payment
  const left = leftToRefund(payment, user.id)
  if (refunds.length === 0 && left === 0) return null
  return (
    <section
      aria-label='Refunds'
      className={`border-t border-line px-6 py-4 ${refunds.length === 0 ? 'print:hidden' : ''}`}
    >
      {refunds.length > 0 && (
        <p className='text-sm font-medium' data-testid='refunded'>
          {`Refunded ${formatMinor(refundedAmount, currency)} of ${formatMinor(amount, currency)}`}
        </p>
      )}
      <ul className='mt-1 text-sm'>
        {refunds.map((refund) => (
          <RefundRow key={refund.id} refund={refund} currency={currency} />
        ))}
      </ul>
      {left > 0 && (
        <Link
          to={`/payments/${payment.id}/refund`}
          className={buttonClass('quiet', 'mt-2 w-full print:hidden')}
        >
          <Undo2 aria-hidden='true' className='size-4' />
          Refund
        </Link>
      )}
    </section>
  )
}

function RefundRow(props: { readonly refund: RefundView; readonly currency: string }) {
  const { id, amount, status, note, createdAt } = props.refund
  return (
    <li className='flex min-h-11 items-center gap-3'>
      <Link to={`/payments/${id}`} className='min-w-0 flex-1 truncate hover:underline'>
        {formatMinor(amount, props.currency)}
        <span className='text-soft'>
          {` · ${shortTime(createdAt, new Date())}`}
          {note !== undefined && ` · ${note}`}
        </span>
      </Link>
      <StatusBadge status={status} />
    </li>
  )
}

function Facts({ payment }: { readonly payment: TransactionDetails }) {
  const from = usePersonName(payment.fromUserId)
  const to = usePersonName(payment.toUserId)
  return (
    <>
      <dl className='divide-y divide-line border-t border-line text-sm'>
        <Fact label='Type'>{kindWord[payment.kind]}</Fact>
        {payment.refundOf !== undefined && (
          <Fact label='Refund of'>
            <Link to={`/payments/${payment.refundOf}`} className='font-mono text-xs underline'>
              {payment.refundOf}
            </Link>
          </Fact>
        )}
        <Fact label='Payment id' copy={payment.id}>
          <span className='font-mono text-xs'>{payment.id}</span>
        </Fact>
        <Fact label='From' copy={payment.fromUserId}>
          {from}
          <span className='block font-mono text-xs text-soft'>{payment.fromUserId}</span>
        </Fact>
        <Fact label='To' copy={payment.toUserId}>
          {to}
          <span className='block font-mono text-xs text-soft'>{payment.toUserId}</span>
        </Fact>
        <Fact label='Sent'>{fullTime(payment.createdAt)}</Fact>
        {payment.completedAt !== undefined && (
          <Fact label={statusWord[payment.status]}>{fullTime(payment.completedAt)}</Fact>
        )}
      </dl>
      <div className='border-t border-line p-4 print:hidden'>
        <Button
          variant='plain'
          className='w-full'
          icon={<Printer aria-hidden='true' className='size-4' />}
          onClick={() => print()}
        >
          Print receipt
        </Button>
      </div>
    </>
  )
}

function Fact(props: {
  readonly label: string
  readonly copy?: string
  readonly children: ReactNode
}) {
  return (
    <div className='flex min-h-12 items-center gap-3 px-6 py-2'>
      <dt className='w-20 shrink-0 text-soft'>{props.label}</dt>
      <dd className='flex min-w-0 flex-1 items-center gap-3'>
        <span className='min-w-0 flex-1 break-words'>{props.children}</span>
        {props.copy !== undefined && (
          <CopyButton text={props.copy} label={`Copy ${props.label.toLowerCase()}`} />
        )}
      </dd>
    </div>
  )
}

/**
 * A failed payment is over for ever; this starts a new one, which has a key of its own. However
 * often and wherever it is pressed, it is the same new payment.
 */
function TryAgain({ payment }: { readonly payment: TransactionDetails }) {
  return (
    <div className='border-t border-line bg-sunken/50 p-5 print:hidden'>
      <p className='mb-3 text-sm'>
        Your money is available again.
        {mayTryAgain(payment.failureCode) &&
          ' Trying again makes one new payment, however often you press.'}
      </p>
      {mayTryAgain(payment.failureCode) && (
        <Link to={`/send?retry=${payment.id}`} className={buttonClass('primary', 'w-full')}>
          <RotateCcw aria-hidden='true' className='size-4' />
          Try again
        </Link>
      )}
    </div>
  )
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof ApiProblemError)) return false
  return error.problem.status === 404 || error.problem.status === 400
}

function Missing() {
  return (
    <EmptyState icon={SearchX} title='There is no such payment'>
      <p>It may belong to another wallet.</p>
      <Link to='/history' className={buttonClass('quiet', 'mt-4')}>
        Open history
      </Link>
    </EmptyState>
  )
}
