//! Importers against a running suite, on small made-up files of the data sets' formats: each row lands once however often
//! the import runs, and a malformed one is named by file and line while the rest lands.

use std::path::Path;

use huan::{
    Suite,
    demo::{self, Desk, review},
    import::{self, Choice, Report},
    suite::Place,
};
use huan_proto::evaluation::v1::Metric;

use crate::ask;

const DISTRICT: &str = "A1;A2;A3;A4;A5;A6;A7;A8;A9;A10;A11;A12;A13;A14;A15;A16\n\
    1;Mesto;Stred;8000;0;0;0;1;1;100.0;11000;0.4;0.5;150;800;850\n\
    2;Vesnice;Sever;300;4;13;5;1;3;48.4;7000;?;7.0;110;?;120\n";
const CLIENT: &str = "client_id;birth_number;district_id\n1;715303;1\n2;460205;2\n3;800101;1\n";
const ACCOUNT: &str = "account_id;district_id;frequency;date\n\
    10;1;POPLATEK MESICNE;940105\n11;2;POPLATEK TYDNE;960607\n";
const DISP: &str = "disp_id;client_id;account_id;type\n100;1;10;OWNER\n101;3;10;DISPONENT\n102;2;11;OWNER\n";
const CARD: &str = "card_id;disp_id;type;issued\n7;100;classic;971107 00:00:00\n";
const LOAN: &str = "loan_id;account_id;date;amount;duration;payments;status\n500;11;970105;24000;24;1000.00;C\n";
const ORDER: &str = "order_id;account_id;bank_to;account_to;amount;k_symbol\n900;10;YZ;1;1452.50;SIPO\n";
const TRANSACTIONS: &str = "trans_id;account_id;date;type;operation;amount;balance;k_symbol;bank;account\n\
    1;10;940105;PRIJEM;VKLAD;700.00;700.00;;;\n\
    2;10;940203;PRIJEM;VKLAD;seven;1400.00;;;\n\
    3;10;940301;VYDAJ;PREVOD NA UCET;100.50;599.50; ;AB;3\n\
    4;11;960731;PRIJEM;;1.30;1.30;UROK;;\n";
const LOAN_TRANSACTIONS: &str = "trans_id;account_id;date;type;operation;amount;balance;k_symbol;bank;account\n\
    5;11;970205;withdrawal;withdrawal in cash;1000.00;500.00;loan payment;;\n";

const TRIAL: &str = "recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,conversion,spend\n\
    3,s,100,1,0,Rural,1,Web,Mens E-Mail,1,1,29.5\n\
    4,s,100,1,0,Rural,1,Web,Mens E-Mail,1,0,0\n\
    5,s,100,1,0,Urban,0,Web,Mens E-Mail,0,0,0\n\
    6,s,100,1,0,Urban,0,Web,Mens E-Mail,maybe,0,0\n\
    7,s,100,1,0,Urban,0,Phone,Womens E-Mail,1,0,0\n\
    8,s,100,0,1,Urban,0,Phone,Womens E-Mail,0,0,0\n\
    9,s,100,0,1,Urban,0,Phone,No E-Mail,1,0,0\n\
    1,s,100,0,1,Rural,1,Web,No E-Mail,0,0,0\n\
    2,s,100,0,1,Rural,1,Web,No E-Mail,0,0,0\n";

#[tokio::test(flavor = "multi_thread")]
async fn berka_lands_once_however_often_it_is_imported_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    berka(Place::folder(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn berka_lands_once_however_often_it_is_imported_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    berka(ask::on_postgres(Place::folder(folder.path())).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hillstrom_lands_once_and_its_campaign_is_reviewed() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(data.path().join("hillstrom.csv"), TRIAL).unwrap();
    let suite = Suite::start(&Place::folder(folder.path())).await.unwrap();
    let desk = Desk::new(&suite.doors, "hillstrom").unwrap();
    let run = || async { import::hillstrom(data.path(), Choice::default(), &desk.door("admin")).await.unwrap() };
    let (first, again) = (run().await, run().await);
    assert_eq!(faults(&first), ["hillstrom.csv:5: visit is neither 0 nor 1"]);
    assert_eq!((first.new["customers"], first.new["events"], first.new["assignments"]), (8, 5, 8));
    nothing_is_new(&again);
    demo::wait_for_feeds(&suite.doors, "evaluation").await.unwrap();

    let review = |metric, event| {
        let (desk, subject) = (&desk, review::arm("hillstrom_email", "mens"));
        async move { review::review(desk, subject, event, metric, 14).await.unwrap() }
    };
    // Two of three visited, against one of three: each arm's variance is 1/3.
    let visits = review(Metric::Rate, "visit").await;
    assert_eq!((visits.treated, visits.control), (3, 3));
    assert!((visits.difference - 1.0 / 3.0).abs() < 1e-12, "{visits:?}");
    assert!((visits.standard_error - (2.0_f64 / 9.0).sqrt()).abs() < 1e-12, "{visits:?}");
    let spent = review(Metric::Amount, "purchase").await;
    assert!((spent.difference - 29.5 / 3.0).abs() < 1e-9, "{spent:?}");
    suite.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cdnow_lands_once_and_its_features_are_those_counted_by_hand() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // One who came back on two days, twice on the second; one who never did; what was bought too late is left out.
    let rows = " 00007 0001 19970101  1   20.00\n 00007 0001 19970305  1   10.50\n 00007 0001 19970610  2   30.25\n\
                00007 0001 19970610  1    9.25\n 00007 0001 19971001  1   99.99\n 00009 0002 19970228  1   11.77\n";
    std::fs::write(data.path().join("CDNOW_sample.txt"), rows).unwrap();
    let suite = Suite::start(&Place::folder(folder.path())).await.unwrap();
    let desk = Desk::new(&suite.doors, "cdnow").unwrap();
    let run = || async { import::cdnow(data.path(), Choice::default(), &desk.door("admin")).await.unwrap() };
    let (first, again) = (run().await, run().await);
    assert_eq!((first.new["customers"], first.new["events"], first.fault_count), (2, 5, 0));
    nothing_is_new(&again);
    demo::wait_for_feeds(&suite.doors, "segment").await.unwrap();
    for (customer_id, frequency, recency, mean) in [("cdnow-1", 2.0, 160.0, 2_500.0), ("cdnow-2", 0.0, 0.0, 0.0)] {
        for (name, value) in
            [("purchase_frequency", frequency), ("purchase_recency", recency), ("purchase_repeat_mean", mean)]
        {
            assert_eq!(ask::feature(&desk, customer_id, name).await, value, "{customer_id} {name}");
        }
    }
    suite.stop().await.unwrap();
}

async fn berka(place: Place) {
    let data = tempfile::tempdir().unwrap();
    write_berka(data.path(), TRANSACTIONS);
    let suite = Suite::start(&place).await.unwrap();
    let desk = Desk::new(&suite.doors, "berka").unwrap();
    let run = |assume_consent| {
        let (data, desk) = (data.path(), &desk);
        async move { import::berka(data, Choice { assume_consent }, &desk.door("admin")).await.unwrap() }
    };
    let (first, again) = (run(false).await, run(false).await);
    assert_eq!(faults(&first), ["trans_prefix.asc:3: amount is not an amount with at most two decimals"]);
    for (kind, count) in
        [("customers", 3), ("accounts", 2), ("cards", 1), ("loans", 1), ("standing_orders", 1), ("events", 4)]
    {
        assert_eq!((first.read[kind], first.new[kind]), (count, count), "{kind}");
    }
    assert!(!first.new.contains_key("consents"), "consent is never invented");
    nothing_is_new(&again);

    // The row is mended, and alone is new.
    write_berka(data.path(), &TRANSACTIONS.replace("seven", "700.00"));
    let mended = run(true).await;
    assert_eq!((faults(&mended).len(), mended.new["events"], mended.known["events"]), (0, 1, 4));
    assert_eq!(mended.new["consents"], 3);
    demo::wait_for_feeds(&suite.doors, "segment").await.unwrap();
    for (customer_id, count) in [("berka-1", 3.0), ("berka-2", 2.0), ("berka-3", 0.0)] {
        assert_eq!(ask::feature(&desk, customer_id, "txn_count_ever").await, count, "{customer_id}");
    }
    suite.stop().await.unwrap();
}

fn write_berka(folder: &Path, transactions: &str) {
    for (name, text) in [
        ("district.asc", DISTRICT),
        ("client.asc", CLIENT),
        ("account.asc", ACCOUNT),
        ("disp.asc", DISP),
        ("card.asc", CARD),
        ("loan.asc", LOAN),
        ("order.asc", ORDER),
        ("trans_prefix.asc", transactions),
        ("trans_loan354.csv", LOAN_TRANSACTIONS),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

fn faults(report: &Report) -> Vec<String> {
    report.faults.iter().map(ToString::to_string).collect()
}

fn nothing_is_new(report: &Report) {
    assert!(report.new.values().all(|new| *new == 0), "{:?}", report.new);
    assert_eq!(report.known, report.read);
}
