import { BrowserRouter, Navigate, Route, Routes } from 'react-router'
import { Toaster } from 'sonner'
import { session } from './api/browser-session.ts'
import { LoadError } from './components/feedback.tsx'
import { Layout } from './components/layout.tsx'
import { Logo } from './components/logo.tsx'
import { WalletProvider } from './components/wallet-provider.tsx'
import { NoAnswerError } from './api/problem.ts'
import { useSession } from './hooks/use-session.ts'
import { LoginPage, RegisterPage } from './pages/auth-page.tsx'
import { DashboardPage } from './pages/dashboard-page.tsx'
import { FundsPage } from './pages/funds-page.tsx'
import { HistoryPage } from './pages/history-page.tsx'
import { NotFoundPage } from './pages/not-found-page.tsx'
import { NotificationsPage } from './pages/notifications-page.tsx'
import { ForgotPasswordPage, ResetPasswordPage } from './pages/password-pages.tsx'
import { PaymentPage } from './pages/payment-page.tsx'
import { RefundPage } from './pages/refund-page.tsx'
import { SecurityPage } from './pages/security-page.tsx'
import { SendPage } from './pages/send-page.tsx'
import { SendingPage } from './pages/sending-page.tsx'
import { StatementPage } from './pages/statement-page.tsx'

/**
 * Whoever has clicked is on the next page before anything else happens. As transitions, which may
 * take their time, a slow page would have its payment answered first: a button that is still there
 * is clicked again, and the answer is told as news of elsewhere instead of on the payment's page.
 */
export function App() {
  return (
    <BrowserRouter useTransitions={false}>
      <Pages />
      <Toaster theme='system' position='top-center' richColors />
    </BrowserRouter>
  )
}

function Pages() {
  const state = useSession()
  switch (state.status) {
    case 'starting':
      return <Opening />
    case 'unreachable':
      return <Unreachable />
    case 'anonymous':
      return (
        <Routes>
          <Route path='/register' element={<RegisterPage />} />
          <Route path='/forgot-password' element={<ForgotPasswordPage />} />
          <Route path='/reset-password' element={<ResetPasswordPage />} />
          {/* The address stays, so that logging in leads to the page that was asked for. */}
          <Route path='*' element={<LoginPage />} />
        </Routes>
      )
    case 'signed-in':
      return (
        <WalletProvider key={state.user.id} user={state.user}>
          <SignedInPages />
        </WalletProvider>
      )
  }
}

function SignedInPages() {
  return (
    <Routes>
      <Route path='/login' element={<Navigate to='/' replace />} />
      <Route path='/register' element={<Navigate to='/' replace />} />
      <Route path='/forgot-password' element={<Navigate to='/security' replace />} />
      <Route path='/reset-password' element={<ResetPasswordPage />} />
      <Route element={<Layout />}>
        <Route index element={<DashboardPage />} />
        <Route path='/send' element={<SendPage />} />
        <Route path='/send/:key' element={<SendingPage />} />
        <Route path='/top-up' element={<FundsPage key='top-up' kind='top_up' />} />
        <Route path='/withdraw' element={<FundsPage key='withdraw' kind='withdrawal' />} />
        <Route path='/statement' element={<StatementPage />} />
        <Route path='/payments/:id/refund' element={<RefundPage />} />
        <Route path='/history' element={<HistoryPage />} />
        <Route path='/payments/:id' element={<PaymentPage />} />
        <Route path='/notifications' element={<NotificationsPage />} />
        <Route path='/security' element={<SecurityPage />} />
        <Route path='*' element={<NotFoundPage />} />
      </Route>
    </Routes>
  )
}

function Opening() {
  return (
    <main role='status' aria-label='Opening PayFlow' className='grid min-h-dvh place-items-center'>
      <span className='breathe'>
        <Logo />
      </span>
    </main>
  )
}

/** Not knowing who is signed in is not the same as nobody being signed in. */
function Unreachable() {
  return (
    <main className='grid min-h-dvh place-items-center p-4'>
      <div className='card w-full max-w-md p-4 text-center'>
        <div className='pt-4'>
          <Logo />
        </div>
        <LoadError
          error={new NoAnswerError('refresh got no answer')}
          onRetry={() => void session.start()}
        />
      </div>
    </main>
  )
}
