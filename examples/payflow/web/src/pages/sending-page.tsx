import { Hourglass, OctagonX, SearchX } from 'lucide-react'
import { AlertDialog } from 'radix-ui'
import { useEffect, useState } from 'react'
import { Link, useNavigate, useParams } from 'react-router'
import type { Problem } from '../api/problem.ts'
import { Button, Spinner, buttonClass } from '../components/button.tsx'
import { EmptyState } from '../components/feedback.tsx'
import { BigMoney } from '../components/money.tsx'
import { PageHeading } from '../components/page-heading.tsx'
import { usePerson } from '../hooks/use-person.ts'
import { useDesk, useWallet } from '../hooks/use-wallet.ts'
import type { DeskEntry } from '../payment-desk.ts'
import { retriedPayment } from '../pending-payment.ts'
import type { PendingPayment } from '../pending-payment.ts'
import { nothingWasPaid, phaseText } from '../words.ts'
import type { SendPrefill } from './send-page.tsx'

/**
 * One payment between the click and its answer. Opening or reloading this page asks again with the
 * stored key; an answer leads on to the payment.
 */
export function SendingPage() {
  const { key = '' } = useParams()
  const { desk } = useWallet()
  const navigate = useNavigate()
  const entry = useDesk().find(({ payment }) => payment.key === key)
  const kept = entry?.phase.kind === 'kept'
  const paymentId = entry?.phase.kind === 'accepted' ? entry.phase.paymentId : null
  useEffect(() => {
    if (kept) desk.resume(key)
  }, [desk, key, kept])
  useEffect(() => {
    if (paymentId === null) return
    void navigate(`/payments/${paymentId}`, { replace: true })
    desk.setAside(key)
  }, [desk, key, navigate, paymentId])

  if (entry === undefined) return <NothingWaiting />
  return (
    <div className='mx-auto max-w-lg'>
      <PageHeading title={entry.phase.kind === 'refused' ? 'Not sent' : 'Sending'} />
      <section className='card rise p-6 text-center'>
        <Sign entry={entry} />
        <p className='mt-5 text-4xl font-semibold tracking-tight'>
          <BigMoney minor={entry.payment.amount} currency={entry.payment.currency} />
        </p>
        <p className='mt-1 text-soft'>to {entry.payment.toName}</p>
        <p role='status' className='mx-auto mt-5 max-w-sm text-sm'>
          {phaseText(entry.phase)}
        </p>
        {entry.phase.kind === 'waiting' && <Countdown phase={entry.phase} />}
        <Ways entry={entry} />
      </section>
    </div>
  )
}

function Sign({ entry }: { readonly entry: DeskEntry }) {
  const { kind } = entry.phase
  const refused = kind === 'refused'
  const busy = kind === 'sending' || kind === 'accepted'
  return (
    <span
      aria-hidden='true'
      className={`mx-auto grid size-14 place-items-center rounded-2xl ${
        refused ? 'bg-bad-tint text-bad' : 'bg-wait-tint text-wait'
      }`}
    >
      {refused && <OctagonX className='size-7' />}
      {busy && <Spinner />}
      {!refused && !busy && <Hourglass className='size-7' />}
    </span>
  )
}

/** The seconds until the next attempt; for eyes only, because ears would hear every one. */
function Countdown({ phase }: { readonly phase: { readonly waitMs: number } }) {
  const [left, setLeft] = useState(0)
  useEffect(() => {
    setLeft(Math.ceil(phase.waitMs / 1_000))
    const timer = setInterval(() => setLeft((seconds) => Math.max(0, seconds - 1)), 1_000)
    return () => clearInterval(timer)
  }, [phase])
  return (
    <p aria-hidden='true' className='mt-1 text-sm text-soft tabular-nums'>
      Next try in {left} s
    </p>
  )
}

/** What the person can do about it now. */
function Ways({ entry }: { readonly entry: DeskEntry }) {
  const { desk } = useWallet()
  const { payment, phase } = entry
  if (phase.kind === 'refused') {
    return <AfterRefusal payment={payment} problem={phase.problem} />
  }
  if (phase.kind === 'sending' || phase.kind === 'accepted') return null
  return (
    <div className='mt-6 space-y-2'>
      {phase.kind !== 'offline' && (
        <Button className='w-full' onClick={() => desk.resume(payment.key)}>
          Ask again now
        </Button>
      )}
      <SetAside payment={payment} />
    </div>
  )
}

/** A refusal is final for its key: trying again goes through a new review, which has a new key. */
function AfterRefusal(props: { readonly payment: PendingPayment; readonly problem: Problem }) {
  const { payment, problem } = props
  const { desk } = useWallet()
  const isPayment = payment.kind === undefined || payment.kind === 'payment'
  const known = usePerson(payment.toUserId, isPayment)
  const navigate = useNavigate()
  function change(): void {
    const { toUserId, toName, amount, note } = payment
    if (!isPayment) {
      void navigate(formPath(payment), { replace: true, state: { amount, note } })
      return desk.setAside(payment.key)
    }
    const to = known ?? { id: toUserId, name: toName, email: '' }
    const prefill: SendPrefill = { to, amount, note }
    // What tries a failed payment again goes on doing so, unless something of it is changed.
    const retryOf = retriedPayment(payment)
    if (retryOf === undefined) void navigate('/send', { replace: true, state: prefill })
    else void navigate(`/send?retry=${retryOf}`, { replace: true })
    desk.setAside(payment.key)
  }
  return (
    <div className='mt-6 space-y-2'>
      <p className='text-sm font-medium'>
        {nothingWasPaid(problem)
          ? 'No money moved.'
          : 'Look in your history before you pay the same again.'}
      </p>
      <Button className='w-full' onClick={change}>
        Change it and try again
      </Button>
      <Link
        to='/'
        className={buttonClass('plain', 'w-full')}
        onClick={() => desk.setAside(payment.key)}
      >
        Leave it
      </Link>
    </div>
  )
}

/** Where this was filled in. */
function formPath({ kind, refundOf }: PendingPayment): string {
  if (kind === 'refund') return `/payments/${refundOf}/refund`
  return kind === 'top_up' ? '/top-up' : '/withdraw'
}

function SetAside({ payment }: { readonly payment: PendingPayment }) {
  const { desk } = useWallet()
  const navigate = useNavigate()
  function setAside(): void {
    void navigate('/history', { replace: true })
    desk.setAside(payment.key)
  }
  return (
    <AlertDialog.Root>
      <AlertDialog.Trigger className={buttonClass('plain', 'w-full')}>
        Stop asking
      </AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className='fixed inset-0 z-40 bg-black/50' />
        <AlertDialog.Content className='card dialog p-6'>
          <AlertDialog.Title className='text-lg font-semibold'>
            This payment may have been made
          </AlertDialog.Title>
          <AlertDialog.Description className='mt-2 text-sm text-soft'>
            Its answer did not arrive, so PayFlow can’t tell here. If you stop asking, its key is
            forgotten in this browser. Look in your history before you pay the same again.
          </AlertDialog.Description>
          <div className='mt-6 flex flex-col gap-2'>
            <AlertDialog.Cancel className={buttonClass('primary')}>Keep the key</AlertDialog.Cancel>
            <AlertDialog.Action className={buttonClass('danger')} onClick={setAside}>
              Stop asking and open history
            </AlertDialog.Action>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}

function NothingWaiting() {
  return (
    <div className='card mx-auto max-w-lg'>
      <PageHeading title='Nothing is waiting here' hidden />
      <EmptyState icon={SearchX} title='Nothing is waiting here'>
        <p>This payment has its answer already. Your history shows it.</p>
        <Link to='/history' className={buttonClass('quiet', 'mt-4')}>
          Open history
        </Link>
      </EmptyState>
    </div>
  )
}
