use huan_proto::types::v1::value;

use super::*;

const DISTRICT: &str = "A1;A2;A3;A4;A5;A6;A7;A8;A9;A10;A11;A12;A13;A14;A15;A16\r\n\
    1;\"Hl.m. Testov\";\"Capital\";9000;0;0;0;1;1;100.0;12000;0.5;0.6;160;900;950\r\n\
    2;\"Jinde\";\"north Testia\";400;4;13;5;1;3;48.4;8000;?;7.5;120;?;130\r\n";
const CLIENT: &str = "\"client_id\";\"birth_number\";\"district_id\"\r\n\
    1;\"705301\";1\r\n2;\"450204\";2\r\n3;\"406009\";9\r\n";
const ACCOUNT: &str = "\"account_id\";\"district_id\";\"frequency\";\"date\"\r\n\
    10;1;\"POPLATEK MESICNE\";930105\r\n11;2;\"POPLATEK TYDNE\";950607\r\n";
const DISP: &str = "\"disp_id\";\"client_id\";\"account_id\";\"type\"\r\n\
    100;1;10;\"OWNER\"\r\n101;2;10;\"DISPONENT\"\r\n102;2;11;\"OWNER\"\r\n";
const CARD: &str = "\"card_id\";\"disp_id\";\"type\";\"issued\"\r\n7;101;\"gold\";981107 00:00:00\r\n";
const LOAN: &str = "\"loan_id\";\"account_id\";\"date\";\"amount\";\"duration\";\"payments\";\"status\"\r\n\
    500;10;940105;96396;12;8033.00;\"A\"\r\n501;11;970711;165960;36;4610.00;\"D\"\r\n";
const ORDER: &str = "\"order_id\";\"account_id\";\"bank_to\";\"account_to\";\"amount\";\"k_symbol\"\r\n\
    900;10;\"YZ\";\"1\";2452.50;\"SIPO\"\r\n901;11;\"ST\";\"2\";10.00;\" \"\r\n";
const CZECH: &str = "\"trans_id\";\"account_id\";\"date\";\"type\";\"operation\";\"amount\";\"balance\";\"k_symbol\";\
    \"bank\";\"account\"\r\n\
    1;11;960101;\"PRIJEM\";\"VKLAD\";700.00;700.00;\"\";;\r\n\
    2;10;930105;\"PRIJEM\";\"PREVOD Z UCTU\";900.50;900.50;\"DUCHOD\";\"AB\";3\r\n\
    3;10;930203;\"VYDAJ\";\"PREVOD NA UCET\";100.50;800.00;\" \";\"AB\";3\r\n\
    4;10;930131;\"PRIJEM\";\"\";1.30;801.30;\"UROK\";;\r\n";
const ENGLISH: &str = "trans_id;account_id;date;type;operation;amount;balance;k_symbol;bank;account\r\n\
    5;11;960827;credit;credit in cash;15800.00;16500.00;;;\r\n\
    6;11;960903;withdrawal;withdrawal in cash;14.60;16485.40;payment for statement;;\r\n";

/// The files of a small bank, with one of them replaced.
fn parsed(replaced: &str, by: &str) -> (Berka, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("district.asc", DISTRICT),
        ("client.asc", CLIENT),
        ("account.asc", ACCOUNT),
        ("disp.asc", DISP),
        ("card.asc", CARD),
        ("loan.asc", LOAN),
        ("order.asc", ORDER),
        ("trans_prefix.asc.zst", CZECH),
        ("trans_loan354.csv.zst", ENGLISH),
    ] {
        let text = if name == replaced { by } else { text };
        let packed = || zstd::encode_all(text.as_bytes(), 3).unwrap();
        let bytes = if name.ends_with(".zst") { packed() } else { text.as_bytes().to_vec() };
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let mut faults = Faults::default();
    let data = parse(folder.path(), &mut faults).unwrap();
    (data, faults.first.iter().map(ToString::to_string).collect())
}

#[test]
fn clients_become_customers_of_their_district() {
    let (data, faults) = parsed("", "");
    let first = &data.customers[0].item;
    assert_eq!((first.customer_id.as_str(), first.owner_path.as_str()), ("berka-1", "/hq/capital/hl_m_testov"));
    assert_eq!(first.person.as_ref().unwrap().birth_day, "1970-03-01");
    assert_eq!(first.open_day, "1993-01-05");
    let attribute = |row: usize, name: &str| data.customers[row].item.attributes.get(name)?.kind.clone();
    assert_eq!(attribute(0, "gender"), Some(value::Kind::Text("female".to_owned())));
    assert_eq!(attribute(0, "average_salary"), Some(value::Kind::Number(12_000.0)));
    assert_eq!(attribute(0, "disponent"), Some(value::Kind::Flag(false)));
    assert_eq!(attribute(1, "gender"), Some(value::Kind::Text("male".to_owned())));
    assert_eq!(attribute(1, "disponent"), Some(value::Kind::Flag(true)));
    assert_eq!(attribute(1, "district_unemployment_1995_percent"), None);
    assert_eq!((data.customers.len(), data.customers[2].item.owner_path.as_str()), (3, "/hq"));
    assert_eq!(faults, ["client.asc:4: district_id is not among the districts; taken in without one"]);
}

#[test]
fn what_an_account_has_is_its_owners() {
    let (data, _) = parsed("", "");
    let short = |kind: &str| -> Vec<_> {
        let of = |row: &Sourced<pb::Holding>| {
            let h = &row.item;
            (h.customer_id.clone(), h.product_id.clone(), h.balance_minor, h.open_day.clone(), h.close_day.clone())
        };
        data.holdings[kind].iter().map(of).collect()
    };
    let row = |customer: &str, product: &str, balance, open: &str, close: &str| {
        (customer.to_owned(), product.to_owned(), balance, open.to_owned(), close.to_owned())
    };
    assert_eq!(
        short("accounts"),
        [
            row("berka-1", "monthly_statement", 80_000, "1993-01-05", ""),
            row("berka-2", "weekly_statement", 1_648_540, "1995-06-07", ""),
        ]
    );
    // The card hangs on the disponent's disposition, and is still the owner's.
    assert_eq!(short("cards"), [row("berka-1", "gold", 0, "1998-11-07", "")]);
    assert_eq!(
        short("loans"),
        [row("berka-1", "", 9_639_600, "1994-01-05", "1995-01-05"), row("berka-2", "", 16_596_000, "1997-07-11", ""),]
    );
    assert_eq!(
        short("standing_orders"),
        [row("berka-1", "household", 245_250, "1993-01-05", ""), row("berka-2", "", 1_000, "1995-06-07", ""),]
    );
}

#[test]
fn transactions_of_both_files_become_events_in_order() {
    let (data, _) = parsed("", "");
    let events: Vec<_> =
        data.events.iter().map(|row| (row.item.source_id.as_str(), row.item.r#type.as_str())).collect();
    assert_eq!(
        events,
        [
            ("2", "pension"),
            ("4", "interest"),
            ("3", "transfer_out"),
            ("1", "cash_deposit"),
            ("5", "cash_deposit"),
            ("6", "fee"),
        ]
    );
    let first = &data.events[0].item;
    assert_eq!((first.customer_id.as_str(), first.amount_minor), ("berka-1", 90_050));
    assert_eq!(
        huan_chassis::clock::datetime(&first.occur_time.unwrap()).map(|t| Day::of(t, ZONE).to_string()).unwrap(),
        "1993-01-05"
    );
    let notes = notes(&data);
    assert!(notes[0].starts_with("only 2 of 2 accounts have events"), "{notes:?}");
    assert!(
        notes[1].starts_with("2 of those 2 accounts fell silent more than two years before 1998-12-31"),
        "{notes:?}"
    );
}

#[test]
fn malformed_rows_are_named_and_lose_no_other() {
    let rows = "1;10;930105;PRIJEM;VKLAD;1.00;1.00;;;\n\
        1;10;930106;PRIJEM;VKLAD;1.00;2.00;;;\n\
        2;10;931305;PRIJEM;VKLAD;1.00;1.00;;;\n\
        3;77;930105;PRIJEM;VKLAD;1.00;1.00;;;\n\
        4;10;930105;PRIJEM;KLAD;1.00;1.00;;;\n\
        5;10;930105;PRIJEM;VKLAD;1,00;1.00;;;\n\
        6;10;9301\n\
        7;11;930107;PRIJEM;VKLAD;3.00;9.00;;;\n";
    let header = CZECH.split("\r\n").next().unwrap();
    let (data, faults) = parsed("trans_prefix.asc.zst", &format!("{header}\r\n{rows}"));
    assert_eq!(data.events.len(), 2 + 2);
    assert_eq!(
        faults[..6],
        [
            "trans_prefix.asc:3: trans_id stands in an earlier line",
            "trans_prefix.asc:4: date is not a day YYMMDD",
            "trans_prefix.asc:5: account_id has no owner among the clients",
            "trans_prefix.asc:6: operation is not a known one",
            "trans_prefix.asc:7: amount is not an amount with at most two decimals",
            "trans_prefix.asc:8: has 3 columns, not 10",
        ]
    );
}

#[test]
fn what_hangs_on_a_lost_row_is_named_too() {
    let client = "\"client_id\";\"birth_number\";\"district_id\"\r\n1;\"709999\";1\r\n2;\"450204\";2\r\n";
    let (data, faults) = parsed("client.asc", client);
    assert_eq!(data.customers.len(), 1);
    assert_eq!(data.holdings["accounts"].len(), 1);
    assert_eq!(data.events.iter().filter(|row| row.item.customer_id == "berka-2").count(), data.events.len());
    for fault in ["client.asc:2: birth_number is not one", "disp.asc:2: client_id is not among the clients"] {
        assert!(faults.contains(&fault.to_owned()), "{faults:?}");
    }
    assert!(faults.contains(&"loan.asc:2: account_id has no owner among the clients".to_owned()), "{faults:?}");
}

#[test]
fn the_clock_stands_on_the_last_day_at_ten() {
    assert_eq!(LAST_DAY.to_string(), "1998-12-31");
    assert_eq!(setting().now.to_rfc3339(), "1998-12-31T09:00:00+00:00");
}
